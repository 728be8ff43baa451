import Foundation
import Harebell
import LoanEvents
import Testing

@testable import PDFWorker

@Suite(.timeLimit(.minutes(1)))
struct `A receipt on paper` {
    @Test func `shows name and amount in Unicode text with embedded subset fonts`() async throws {
        try await withFolder { folder in
            let printer = DocumentPrinter(folder: folder)
            let printed = try await printer.print(
                payout(), eventID: EventID("0190a1b2-0000-7000-8000-00000000000e"), correlationID: "order-42-fl-fi-ffi")

            let text = try poppler("pdftotext", ["-layout", printed.path, "-"])
            #expect(text.contains("Åsa Öberg, 1 250 000,00 kr"))
            #expect(text.contains("Page 1 of 1"))
            #expect(text.contains("2026-03-01 12:00:00"))
            #expect(text.contains("PO-1"))
            #expect(text.contains("Correlation order-42-fl-fi-ffi"), "letters, no ligatures")

            let fonts = try poppler("pdffonts", [printed.path]).split(separator: "\n").dropFirst(2)
            #expect(!fonts.isEmpty)
            for font in fonts {
                #expect(font.contains("yes yes yes"), "embedded, subset, Unicode: \(font)")
            }

            let information = try poppler("pdfinfo", ["-isodates", printed.path])
            #expect(information.contains("correlation-id=order-42-fl-fi-ffi;"))
            #expect(information.contains("event-id=0190a1b2-0000-7000-8000-00000000000e;"))
            #expect(information.contains("Åsa Öberg, 1 250 000,00 kr"))
            #expect(information.contains("CreationDate:    2026-03-01T12:00:00Z"))
            #expect(printed.pages == 1)
            #expect(printed.unknownGlyphs == 0)
        }
    }

    @Test func `is the same byte for byte for the same event`() throws {
        let event = try payout(name: "Zoë Ångström שלום")
        let first = try PayoutDocument(event, eventID: EventID("e"), correlationID: "c").render()
        let second = try PayoutDocument(event, eventID: EventID("e"), correlationID: "c").render()
        #expect(first.bytes == second.bytes)
        #expect(first.bytes != (try PayoutDocument(event, eventID: EventID("f"), correlationID: "c").render()).bytes)
    }

    @Test(arguments: HostileText.samples)
    func `survives a hostile name`(_ sample: HostileText) async throws {
        let name = sample.text
        try await withFolder { folder in
            let printer = DocumentPrinter(folder: folder, maximumPages: 3)
            let printed = try await printer.print(
                payout(name: name, reference: name), eventID: EventID("e"), correlationID: name)
            #expect((1...3).contains(printed.pages))
            #expect(printed.size < 1 << 20)
            let text = try poppler("pdftotext", [printed.path, "-"])
            #expect(text.contains("1 250 000,00 kr"))
            #expect(try poppler("pdfinfo", [printed.path]).contains("Pages:           \(printed.pages)"))
        }
    }

    @Test func `numbers its pages and stops at the cap`() throws {
        let event = try payout(
            name: String(repeating: "Wilhelmina ", count: 400), reference: String(repeating: "W", count: 9_000))
        let all = try PayoutDocument(event, eventID: EventID("e"), correlationID: "c").render()
        #expect(all.pages > 1)
        #expect(!all.isTruncated)
        let cut = try PayoutDocument(event, eventID: EventID("e"), correlationID: "c").render(maximumPages: 1)
        #expect(cut.pages == 1)
        #expect(cut.isTruncated)
    }

    @Test(arguments: [-Double.infinity, .nan, -1e300, 1e300, 253_402_300_800])
    func `shows some date for every number`(_ seconds: Double) throws {
        let document = PayoutDocument(try payout(at: seconds), eventID: EventID("e"), correlationID: "c")
        #expect(document.createdAt.count == 20)
        #expect(try document.render().pages == 1)
    }

    @Test func `draws several documents while others wait`() async throws {
        try await withFolder { folder in
            let printer = DocumentPrinter(folder: folder)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for index in 0..<20 {
                    tasks.addTask {
                        _ = try await printer.print(
                            payout(loanID: "loan-\(index)"), eventID: EventID("e-\(index)"), correlationID: "c")
                    }
                }
                try await tasks.waitForAll()
            }
            #expect(try files(in: folder).count == 20)
        }
    }
}

struct `Printable text` {
    @Test func `keeps what people write`() {
        #expect(PrintableText("Åsa Öberg").description == "Åsa Öberg")
        #expect(PrintableText("می‌خواهم").description == "می‌خواهم")
        #expect(PrintableText("Nguyễn Thị").description == "Nguyễn Thị")
    }

    @Test func `drops controls, overrides and what is invisible`() {
        #expect(PrintableText("a\u{202E}b\u{0}c\u{2066}d\u{FEFF}e\u{AD}f").description == "abcdef")
        #expect(PrintableText(" a\n\t\u{2028} b\u{A0}").description == "a b")
        #expect(PrintableText("\u{0}\u{202E}").description == "–")
    }

    @Test func `limits length and heaps of marks`() {
        #expect(PrintableText(String(repeating: "x", count: 50), limit: 10).description == "xxxxxxxxxx…")
        let heap = PrintableText("e" + String(repeating: "\u{301}", count: 100))
        #expect(heap.description.unicodeScalars.count == 1 + PrintableText.maximumMarks)
    }

    @Test func `knows which way it is read`() {
        #expect(PrintableText("שלום").isRightToLeft)
        #expect(!PrintableText("Åsa").isRightToLeft)
    }
}
