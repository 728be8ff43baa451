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
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        self.id = loan.id
        self.status = loan.status
        self.borrower = loan.borrower
        self.amount = loan.amount
        self.reference = loan.reference
        self.reason = loan.reason
        self.createdAt = loan.createdAt.formatted(style)
        self.updatedAt = loan.updatedAt.formatted(style)
    }
}

/// JSON with sorted names, so that the same answer has the same bytes.
func json(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value))
}
