import Foundation
import Harebell

/// What the workers of `harebell-bench worker` handle: a loan was paid out.
struct PaidOut: Event, Hashable {
    struct Borrower: Codable, Hashable {
        let name: String
        let email: String
    }

    struct Money: Codable, Hashable {
        let minorUnits: Int64
        let currency: String
    }

    static let eventType: EventType = "harebell-bench.paid-out"

    let loanID: String
    let borrower: Borrower
    let amount: Money
    let reference: String
    let occurredAt: Date

    var partitionKey: String? { loanID }
    var subject: String? { loanID }

    /// An event of its own loan, of that many bytes when it is encoded, or as few as it takes.
    init(bytes: Int) throws {
        func event(_ reference: String) -> PaidOut {
            PaidOut(
                loanID: EventID.make().rawValue,
                borrower: Borrower(name: "Astrid Lindqvist", email: "astrid.lindqvist@example.com"),
                amount: Money(minorUnits: 125_000_000, currency: "SEK"), reference: reference, occurredAt: Date())
        }
        let missing = bytes - (try EventCodec.encode(event("")).count)
        self = event(String(repeating: "7", count: max(0, missing)))
    }

    init(loanID: String, borrower: Borrower, amount: Money, reference: String, occurredAt: Date) {
        self.loanID = loanID
        self.borrower = borrower
        self.amount = amount
        self.reference = reference
        self.occurredAt = occurredAt
    }

    /// Reads an event as a worker does.
    init(decoding body: [UInt8]) throws {
        self = try EventCodec.decode(PaidOut.self, from: body)
    }

    /// Looks at the event, as every contender does, so that nobody saves decoding it.
    func check() throws {
        if amount.minorUnits <= 0 { throw RunError("an event that nobody published") }
    }
}
