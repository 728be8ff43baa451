import Harebell
import LoanEvents
import Logging

/// Turns payouts into files, one at a time, on a thread of its own.
actor DocumentPrinter {
    private let thread = RenderingThread()
    private let folder: String
    private let maximumPages: Int

    /// The rendering thread: pango, cairo and the file system block.
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(folder: String, maximumPages: Int = 12) {
        self.folder = folder
        self.maximumPages = maximumPages
    }

    deinit {
        thread.stop()
    }

    /// Loads the fonts and opens the folder, so that a machine without either is told at the start.
    func prepare() throws {
        guard Fonts.familyCount > 0 else {
            throw PDFError(code: .rendering, message: "no font is installed: install fonts-dejavu-core")
        }
        try DocumentFolder(path: folder).removeAbandonedFiles()
    }

    /// Renders and keeps the document of a payout; doing it again gives the same file.
    func print(_ event: LoanPaidOut, eventID: EventID, correlationID: String) throws -> PrintedDocument {
        let document = PayoutDocument(event, eventID: eventID, correlationID: correlationID)
        let rendered = try document.render(maximumPages: maximumPages)
        let name = DocumentName(loanID: event.loanID, eventID: eventID)
        // Opened each time: a folder that was unmounted and came back is used again without a restart.
        let path = try DocumentFolder(path: folder).store(rendered.bytes, named: name, eventID: eventID)
        return PrintedDocument(
            path: path, size: rendered.bytes.count, pages: rendered.pages, isTruncated: rendered.isTruncated,
            unknownGlyphs: rendered.unknownGlyphs)
    }
}

/// A document that is durable.
struct PrintedDocument: Sendable {
    let path: String
    let size: Int
    let pages: Int
    let isTruncated: Bool
    let unknownGlyphs: Int
}
