import Harebell
import LoanEvents
import Logging

/// What the worker does with a payout: it prints the receipt.
struct PrintReceipt: Handler {
    let printer: DocumentPrinter

    func handle(_ event: LoanPaidOut, context: HandlerContext) async throws {
        let document = try await printer.print(
            event, eventID: context.envelope.id, correlationID: context.envelope.correlationID)
        var metadata: Logger.Metadata = [
            "loan_id": "\(event.loanID)", "file_path": "\(document.path)", "file_size": "\(document.size)",
            "pages": "\(document.pages)",
        ]
        if document.isTruncated {
            metadata["truncated"] = "true"
        }
        if document.unknownGlyphs > 0 {
            metadata["glyphs_missing"] = "\(document.unknownGlyphs)"
            context.logger.warning("no installed font shows every character of the receipt", metadata: metadata)
        } else {
            context.logger.info("receipt printed", metadata: metadata)
        }
    }
}
