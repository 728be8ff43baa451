import Harebell
import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a payout's receipt says, before it has a shape.
///
/// Everything on the page follows from the event, nothing from the clock or the machine: the same event gives the
/// same document, and so the same bytes.
struct PayoutDocument: Equatable, Sendable {
    /// A line of the table.
    struct Row: Equatable, Sendable {
        let label: String
        let value: PrintableText
        /// Set bold and never broken at a space.
        var isAmount = false
    }

    /// The heading, and the title in the metadata.
    let title: String
    /// Who got how much: the sentence under the heading.
    let borrower: PrintableText
    let amount: PrintableText
    let rows: [Row]
    let loanID: PrintableText
    let correlationID: PrintableText
    let eventID: EventID
    /// When it was paid out: `2026-03-01T12:00:00Z`.
    let createdAt: String

    /// Describes the receipt of a payout.
    init(_ event: LoanPaidOut, eventID: EventID, correlationID: String) {
        let createdAt = Self.timestamp(event.occurredAt)
        // Plain spaces: the amount is kept together by the layout, and whoever searches the file types plain spaces.
        let amount = PrintableText(event.amount.formatted(groupedBy: " "))
        self.title = "Loan payout receipt"
        self.borrower = PrintableText(event.borrower.name)
        self.amount = amount
        self.rows = [
            Row(label: "Borrower", value: PrintableText(event.borrower.name)),
            Row(label: "E-mail", value: PrintableText(event.borrower.email)),
            Row(label: "Loan", value: PrintableText(event.loanID)),
            Row(label: "Payment reference", value: PrintableText(event.reference)),
            Row(
                label: "Paid out (UTC)",
                value: PrintableText(createdAt.replacing("T", with: " ").replacing("Z", with: ""))),
            Row(label: "Amount", value: amount, isAmount: true),
        ]
        self.loanID = PrintableText(event.loanID, limit: 200)
        self.correlationID = PrintableText(correlationID, limit: 200)
        self.eventID = eventID
        self.createdAt = createdAt
    }

    /// What finds the event again: kept in the file's metadata, in ASCII, so that it is there byte for byte.
    var keywords: String {
        "\(Self.keyword(of: eventID)) correlation-id=\(DocumentName.escaped(correlationID.description));"
    }

    /// What marks a file as the document of an event.
    static func keyword(of id: EventID) -> String {
        "event-id=\(DocumentName.escaped(id.rawValue));"
    }

    /// A date on the wire may be anything a double can hold; a page shows years 1970 to 9999.
    private static func timestamp(_ date: Date) -> String {
        let seconds = date.timeIntervalSince1970
        let clamped = seconds.isFinite ? min(max(seconds, 0), 253_402_300_799) : 0
        return Date(timeIntervalSince1970: clamped.rounded(.down)).formatted(.iso8601)
    }
}
