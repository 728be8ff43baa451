import Harebell
import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The JSON that the partner gets: what happened to which loan.
///
/// The borrower stays between borrower and lender.
///
/// The same event gives the same bytes on every attempt, so a partner may compare repetitions.
struct LoanReport: Codable, Sendable, Hashable {
    /// What the report says about the loan.
    struct Content: Codable, Sendable, Hashable {
        let loanID: String
        let status: LoanStatus
        let amount: Money
        /// Of the payment, once the loan is paid out.
        let reference: String?
        /// Of a cancellation, if one was given.
        let reason: String?
    }

    /// The event's id: a repeated report has the same.
    let id: String
    /// The event's type, such as `loan.paid-out`.
    let type: String
    /// When it happened, in ISO 8601 with milliseconds.
    let timestamp: String
    let data: Content

    init<Message: LoanEvent>(_ event: Message, id: EventID) {
        let reason = (event as? LoanCanceled)?.reason ?? ""
        self.id = id.rawValue
        self.type = Message.eventType.rawValue
        self.timestamp = Self.timestamp(event.occurredAt)
        self.data = Content(
            loanID: event.loanID, status: Message.status, amount: event.amount,
            reference: (event as? LoanPaidOut)?.reference, reason: reason.isEmpty ? nil : reason)
    }

    /// ISO 8601 in UTC, rounded to the millisecond.
    ///
    /// Foundation's style cuts instead of rounding, and most milliseconds are no exact `Double`: 30.123 s became 30.122.
    static func timestamp(_ date: Date) -> String {
        let milliseconds = Int64((date.timeIntervalSince1970 * 1_000).rounded())
        let fraction = ((milliseconds % 1_000) + 1_000) % 1_000
        let seconds = Date(timeIntervalSince1970: Double((milliseconds - fraction) / 1_000))
        let digits = String(1_000 + fraction).dropFirst()
        return "\(seconds.formatted(.iso8601).dropLast()).\(digits)Z"
    }

    /// The report as JSON with sorted keys.
    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
