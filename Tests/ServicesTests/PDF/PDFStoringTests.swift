import Foundation
import Harebell
import LoanEvents
import Testing

@testable import PDFWorker

@Suite(.timeLimit(.minutes(1)))
struct `A folder of receipts` {
    @Test func `takes a redelivery as the same file`() async throws {
        try await withFolder { folder in
            let printer = DocumentPrinter(folder: folder)
            try await printer.prepare()
            let first = try await printer.print(payout(), eventID: EventID("e"), correlationID: "c")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: first.path))
            let second = try await printer.print(payout(), eventID: EventID("e"), correlationID: "c")
            #expect(first.path == second.path)
            #expect(try Data(contentsOf: URL(fileURLWithPath: second.path)) == bytes)
            #expect(try files(in: folder) == ["0190a1b2-0000-7000-8000-000000000001.pdf"])

            let attributes = try FileManager.default.attributesOfItem(atPath: first.path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        }
    }

    @Test func `keeps the receipt of another event about the same loan`() async throws {
        try await withFolder { folder in
            let printer = DocumentPrinter(folder: folder)
            _ = try await printer.print(payout(loanID: "l"), eventID: EventID("e"), correlationID: "c")
            // An identifier that begins like the first one is another event too.
            for _ in 1...2 {
                _ = try await printer.print(payout(loanID: "l"), eventID: EventID("e2"), correlationID: "c")
            }
            #expect(try files(in: folder) == ["l.e2.pdf", "l.pdf"])
        }
    }

    @Test(arguments: [
        HostileText("up", "../../etc/passwd"),
        HostileText("root", "/etc/passwd"),
        HostileText("dots", ".."),
        HostileText("dot", "."),
        HostileText("nothing", ""),
        HostileText("a slash", "a/b"),
        HostileText("NUL", "a\0b"),
        HostileText("hidden", ".hidden"),
        HostileText("a backslash", "a\\b"), HostileText("percents", "%2e%2e"), HostileText("a letter", "å"),
        HostileText("a flag", "-rf"),
        HostileText("very long", String(repeating: "x", count: 10_000)),
        HostileText("slashes", String(repeating: "/", count: 300)),
    ])
    func `is never left by a name`(_ sample: HostileText) async throws {
        let identifier = sample.text
        let name = DocumentName(loanID: identifier, eventID: EventID(identifier))
        for file in [name.primary, name.alternate] {
            #expect(!file.contains("/") && !file.hasPrefix(".") && !file.contains("\0"))
            #expect(file.utf8.count <= 255)
        }
        try await withFolder { outside in
            let folder = outside + "/inner"
            let printed = try await DocumentPrinter(folder: folder).print(
                payout(loanID: identifier), eventID: EventID(identifier), correlationID: "c")
            #expect(try files(in: outside) == ["inner"])
            #expect(try files(in: folder).map { "\(folder)/\($0)" } == [printed.path])
        }
    }

    @Test func `gives different identifiers different names`() {
        let identifiers = [
            "a/b", "a_b", "a%2Fb", "a", "A", "a.b", "a b", "", String(repeating: "x", count: 91),
            String(repeating: "x", count: 92),
        ]
        let names = Set(identifiers.map { DocumentName(loanID: $0, eventID: EventID("e")).primary })
        #expect(names.count == identifiers.count)
    }

    @Test func `says what is wrong with it, and that it may pass`() async throws {
        try await withFolder { folder in
            let file = folder + "/file"
            try Data().write(to: URL(fileURLWithPath: file))
            let error = await #expect(throws: PDFError.self) {
                _ = try await DocumentPrinter(folder: file + "/inner").print(
                    payout(), eventID: EventID("e"), correlationID: "c")
            }
            #expect(error?.message.contains("Not a directory") == true)
            #expect(error?.message.contains("Öberg") == false)
            guard case .transient(retryAfter: nil)? = error?.failureClassification else {
                Issue.record("a full or missing folder is no reason to give the receipt up")
                return
            }
        }
    }

    @Test func `removes what a killed process left after an hour, and nothing else`() async throws {
        try await withFolder { folder in
            for name in [".harebell-old.tmp", ".harebell-new.tmp", "kept.pdf", ".other"] {
                try Data("x".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
            }
            let old = Date().addingTimeInterval(-7_200)
            for name in [".harebell-old.tmp", "kept.pdf", ".other"] {
                try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: "\(folder)/\(name)")
            }
            try await DocumentPrinter(folder: folder).prepare()
            #expect(try files(in: folder) == [".harebell-new.tmp", ".other", "kept.pdf"])
        }
    }

    @Test func `does not follow a link in place of a document`() async throws {
        try await withFolder { outside in
            let folder = outside + "/inner"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let victim = outside + "/victim"
            try Data("untouched".utf8).write(to: URL(fileURLWithPath: victim))
            try FileManager.default.createSymbolicLink(atPath: folder + "/l.pdf", withDestinationPath: victim)
            let printed = try await DocumentPrinter(folder: folder).print(
                payout(loanID: "l"), eventID: EventID("e"), correlationID: "c")
            #expect(printed.path == folder + "/l.e.pdf")
            #expect(try String(contentsOfFile: victim, encoding: .utf8) == "untouched")
        }
    }
}
