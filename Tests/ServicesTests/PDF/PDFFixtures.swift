import Foundation
import Harebell
import LoanEvents
import Testing

@testable import PDFWorker

/// A payout as the tests print it.
func payout(
    loanID: String = "0190a1b2-0000-7000-8000-000000000001", name: String = "Åsa Öberg",
    email: String = "asa@example.com", minorUnits: Int64 = 125_000_000, currency: String = "SEK",
    reference: String = "PO-1", at seconds: Double = 1_772_366_400
) throws -> LoanPaidOut {
    LoanPaidOut(
        loanID: loanID, borrower: Borrower(name: name, email: email),
        amount: try Money(minorUnits: minorUnits, currency: currency), reference: reference,
        occurredAt: Date(timeIntervalSince1970: seconds))
}

/// A folder that is gone after the test.
func withFolder<R>(_ body: (String) async throws -> R) async throws -> R {
    let path = NSTemporaryDirectory() + "harebell-pdf-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// What one of poppler's programs prints about a file.
func poppler(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(program) \(arguments)")
    return String(decoding: data, as: UTF8.self)
}

/// The files of a folder, hidden ones too.
func files(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}

/// Text that nobody is called, under a name that fits into a log.
struct HostileText: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String

    init(_ testDescription: String, _ text: String) {
        self.testDescription = testDescription
        self.text = text
    }

    static let samples = [
        HostileText("an endless word", String(repeating: "W", count: 100_000)),
        HostileText("endless words", String(repeating: "word ", count: 50_000)),
        HostileText("heaps of marks", String(repeating: "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}", count: 5_000)),
        HostileText("overrides", "\u{202E}evil\u{202C}\u{2066}x\u{0}\u{7}\n\n\u{2028}\u{FEFF}"),
        HostileText("Hebrew", "שלום עולם"), HostileText("Arabic", "محمد علي"), HostileText("Chinese", "名前"),
        HostileText("emoji", "👩‍👩‍👧‍👦 family"), HostileText("markup", "<b>&amp;</b> %s %n"),
        HostileText("nothing", ""), HostileText("NUL", "\u{0}"), HostileText("noncharacters", "\u{FFFF}\u{10FFFF}"),
    ]
}
