import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A loan as the API shows it.
struct LoanView: Encodable {
    let id: String
    let status: LoanStatus
    let borrower: Borrower
    let amount: Money
    let reference: String?
    let reason: String?
    let createdAt: String
    let updatedAt: String

    init(_ loan: Loan) {
        self.id = loan.id
        self.status = loan.status
        self.borrower = loan.borrower
        self.amount = loan.amount
        self.reference = loan.reference
        self.reason = loan.reason
        self.createdAt = Self.timestamp(loan.createdAt)
        self.updatedAt = Self.timestamp(loan.updatedAt)
    }

    /// ISO 8601 with milliseconds.
    ///
    /// Foundation's style cuts where it should round, and most milliseconds are no exact `Double`: about half of them
    /// came out one too low. So the fraction is written from the integer.
    static func timestamp(_ date: Date) -> String {
        let milliseconds = date.milliseconds
        let fraction = ((milliseconds % 1_000) + 1_000) % 1_000
        let seconds = Date(timeIntervalSince1970: Double((milliseconds - fraction) / 1_000))
        let digits = String(fraction + 1_000).dropFirst()
        return "\(seconds.formatted(.iso8601).dropLast()).\(digits)Z"
    }
}

/// JSON with sorted names, so that the same answer has the same bytes.
func json(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value))
}
