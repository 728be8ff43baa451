import LoanEvents

/// What a client asks for, checked.
enum LoanCommand: Equatable, Sendable {
    case create(borrower: Borrower, amount: Money)
    case payOut(loanID: String, reference: String?)
    case cancel(loanID: String, reason: String)

    /// The loan it is about, unless it makes one.
    var loanID: String? {
        switch self {
        case .create: nil
        case .payOut(let loanID, _), .cancel(let loanID, _): loanID
        }
    }

    /// The same for two requests that ask for the same, whatever their spaces and the order of their fields.
    ///
    /// Each part carries its length, so no choice of values makes two different commands alike.
    var canonicalForm: String {
        let parts =
            switch self {
            case .create(let borrower, let amount):
                ["create", borrower.name, borrower.email, String(amount.minorUnits), amount.currency]
            case .payOut(let loanID, let reference):
                ["payout", loanID, reference == nil ? "none" : "some", reference ?? ""]
            case .cancel(let loanID, let reason):
                ["cancel", loanID, reason]
            }
        return parts.map { "\($0.utf8.count):\($0)" }.joined(separator: ",")
    }
}
