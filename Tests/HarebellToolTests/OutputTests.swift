import Foundation
import Testing

@testable import HarebellTool

@Suite struct OutputTests {
    @Test(arguments: [
        "$(reboot)", "a b", "--all", "-y", "a;b", "", "a'b", "a\u{9B}2J", String(repeating: "a", count: 256),
    ])
    func `an id that a shell could take for something else is no argument`(id: String) {
        #expect(SafeText.argument(id) == nil)
    }

    @Test func `ids as services make them are arguments`() {
        for id in ["01a22675-4587-7638-ba08-e3360f4aea31", "order:1001", "A_1.b"] {
            #expect(SafeText.argument(id) == id)
        }
    }

    @Test func `JSON says the same without what a terminal would obey`() throws {
        let hostile = "a\u{9B}2J\u{7F}\u{202E}b\u{1F600}\u{E000}\n\u{10FFFF}"
        let text = try JSONOutput.text(["text": hostile], isPretty: true)
        #expect(
            text.contains(
                #"a\u009b2J\u007f\u202eb\u{1F600}\ue000\n\udbff\udfff"#.replacing("\\u{1F600}", with: "\u{1F600}")))
        let decoded = try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        #expect(decoded == ["text": hostile])
    }

    @Test func `columns are aligned, text left and numbers right`() {
        var table = Table([.text("QUEUE"), .number("READY"), .text("STATE")])
        table.add(["email", "12", "running"])
        table.add(["partner.retry.5s", nil, nil])
        #expect(
            table.lines() == [
                "QUEUE             READY  STATE", "email                12  running", "partner.retry.5s      -  -",
            ])
        #expect(table.lines(showsHeader: false).count == 2)
    }

    @Test func `a table is cut to the terminal`() {
        var table = Table([.text("ID"), .text("ERROR")])
        table.add(["1", String(repeating: "x", count: 200)])
        #expect(table.lines(width: 80).allSatisfy { $0.count <= 80 })
    }

    @Test(arguments: [
        ("\u{1B}[31mred", "\\u{1b}[31mred"), ("a\nb", "a\\u{a}b"), ("\u{202E}evil", "\\u{202e}evil"),
        ("line\u{2028}sep", "line\\u{2028}sep"), ("\u{0}", "\\u{0}"), ("Åsa Öberg", "Åsa Öberg"),
        ("\u{9B}31m", "\\u{9b}31m"),
        ("a\u{200B}b", "a\\u{200b}b"),
    ])
    func `hostile text cannot leave its line`(text: String, shown: String) {
        #expect(SafeText.line(text) == shown)
    }

    @Test func `text is cut, and the cut is shown`() {
        #expect(SafeText.line(String(repeating: "a", count: 300), limit: 10) == "aaaaaaaaaa…")
    }

    @Test func `a block keeps its lines and nothing else`() {
        #expect(SafeText.block("{\n\t\"a\": \"\u{1B}\"\n}") == "{\n    \"a\": \"\\u{1b}\"\n}")
    }

    @Test(arguments: [(0, "0 B"), (412, "412 B"), (1024, "1 KiB"), (3_250_000, "3.1 MiB"), (1_048_576_000, "1000 MiB")])
    func `sizes are human`(bytes: Int, shown: String) {
        #expect(Units.size(bytes) == shown)
    }

    @Test(arguments: [
        (0, "0s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (7_200, "2h"), (172_800, "2d"), (-5, "0s"),
    ])
    func `ages are human`(seconds: Int, shown: String) {
        let now = Date(timeIntervalSince1970: 1_000_000)
        #expect(Units.age(of: now.addingTimeInterval(-Double(seconds)), now: now) == shown)
    }

    @Test func `progress says how far, how fast and how long`() {
        let line = Progress.line("replay", done: 64, total: 118, elapsed: .seconds(2))
        #expect(line == "replay  64/118 ██████████           54%  32/s  ETA 2s")
        #expect(Progress.line("x", done: 0, total: 0, elapsed: .zero).contains("100%"))
    }
}
