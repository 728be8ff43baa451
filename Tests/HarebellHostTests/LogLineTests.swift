import Foundation
import HarebellObservability
import Logging
import Testing

@Suite struct `Log lines` {
    private static let hostile =
        "a\"b\\c\nd\r\t\u{0}\u{1B}[31mred\u{7F}\u{9B}x\u{202E}evil\u{2066}\u{2028}\u{2029}\u{FEFF}"

    private func line(
        _ message: String = "mail sent", metadata: Logger.Metadata = [:], error: (any Error)? = nil
    ) -> LogLine {
        LogLine(
            time: Date(timeIntervalSince1970: 1_790_000_000.25), level: .info, logger: "email", message: message,
            metadata: metadata, error: error)
    }

    private func decoded(_ line: LogLine) throws -> [String: String] {
        try JSONDecoder().decode([String: String].self, from: Data(line.text(.json).utf8))
    }

    @Test func `a JSON line has time, level, logger and message first, then the metadata in order`() {
        let text = line(metadata: ["b": "2", "a": "1"]).text(.json)
        #expect(
            text == """
                {"time":"2026-09-21T14:13:20.250Z","level":"info","logger":"email","message":"mail sent","a":"1","b":"2"}

                """)
    }

    @Test func `a pretty line is for people`() {
        let text = line(metadata: ["event_id": "7", "why": "no such box", "empty": ""]).text(.pretty)
        #expect(text == "14:13:20.250 INFO     email  mail sent  empty=\"\" event_id=7 why=\"no such box\"\n")
    }

    @Test func `hostile text is one line of valid JSON that says the same`() throws {
        let line = line(Self.hostile, metadata: ["\(Self.hostile)key": "\(Self.hostile)value"])
        let text = line.text(.json)
        #expect(text.filter { $0.isNewline }.count == 1)
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
        let unsafe: Set<UInt32> = [0x202E, 0x2066, 0x2028, 0x2029, 0x9B, 0x7F, 0xFEFF]
        #expect(!text.unicodeScalars.contains { unsafe.contains($0.value) })
        let fields = try decoded(line)
        #expect(fields["message"] == Self.hostile)
        #expect(fields["\(Self.hostile)key"] == "\(Self.hostile)value")
    }

    @Test func `hostile text cannot move the cursor or start a new line in pretty form`() {
        let text = line(Self.hostile, metadata: ["\(Self.hostile)": "\(Self.hostile)"]).text(.pretty)
        #expect(text.unicodeScalars.filter { $0.value < 0x20 } == ["\n"])
        #expect(!text.unicodeScalars.contains { [0x202E, 0x2066, 0x2028, 0x9B].contains($0.value) })
        #expect(text.contains("\\u{1B}[31mred"))
        #expect(text.contains("\\u{202E}evil"))
    }

    @Test func `letters of every script stay as they are`() {
        let text = line("Åsa Öberg 我们 محمد 👩‍👩‍👧 می‌خواهم").text(.pretty)
        #expect(text.contains("Åsa Öberg 我们 محمد 👩‍👩‍👧 می‌خواهم"))
    }

    @Test func `colours appear only when asked for`() {
        #expect(!line().text(.pretty).contains("\u{1B}"))
        #expect(line().text(.pretty, colours: true).contains("\u{1B}[32mINFO"))
        #expect(!line().text(.json, colours: true).contains("\u{1B}"))
    }

    @Test func `nested metadata is flattened`() throws {
        let fields = try decoded(
            line(metadata: ["a": ["b": ["c": "1"], "d": ["x", "y"]], "n": .stringConvertible(3)]))
        #expect(fields["a.b.c"] == "1")
        #expect(fields["a.d.0"] == "x")
        #expect(fields["a.d.1"] == "y")
        #expect(fields["n"] == "3")
    }

    @Test func `metadata cannot replace the line's own keys or another's`() throws {
        let metadata: Logger.Metadata = ["level": "critical", "message": "forged", "a.b": "1", "a": ["b": "2"]]
        let fields = try decoded(line(metadata: metadata))
        #expect(fields["level"] == "info")
        #expect(fields["message"] == "mail sent")
        #expect(fields["level#2"] == "critical")
        #expect(Set([fields["a.b"], fields["a.b#2"]]) == ["1", "2"])
    }

    @Test func `a long field is cut on a character boundary and says so`() throws {
        let long = String(repeating: "a", count: 2_047) + "é" + String(repeating: "b", count: 5_000)
        let fields = try decoded(line(long, metadata: ["long": "\(long)"]))
        let expected = String(repeating: "a", count: 2_047) + "… (5002 bytes more)"
        #expect(fields["message"] == expected)
        #expect(fields["long"] == expected)
    }

    @Test func `a million combining marks on one letter are cut too`() throws {
        let message = try #require(try decoded(line("e" + String(repeating: "\u{301}", count: 1_000_000)))["message"])
        #expect(message.utf8.count < 2_100)
    }

    @Test func `a line is bounded however wide and deep its metadata is`() throws {
        var deep: Logger.MetadataValue = "bottom"
        for _ in 0..<1_000 { deep = ["x": deep] }
        var metadata: Logger.Metadata = ["deep": deep]
        for number in 0..<10_000 { metadata["k\(number)"] = "v" }
        let fields = try decoded(line(metadata: metadata))
        #expect(fields.count == 4 + LogLine.maximumFieldCount + 1)
        #expect(fields["fields_dropped"] == String(10_001 - LogLine.maximumFieldCount))
        #expect(try decoded(line(metadata: ["deep": deep])).values.contains("(nested too deeply)"))
    }

    @Test func `an error is named by type and text`() throws {
        struct Boxless: Error, CustomStringConvertible { let description = "no such\nbox" }
        let fields = try decoded(line(error: Boxless()))
        #expect(fields["error_type"]?.hasSuffix("Boxless") == true)
        #expect(fields["error"] == "no such\nbox")
    }
}
