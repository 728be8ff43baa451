/// The person a loan is paid out to.
///
/// The payout service refuses names and addresses that are no such thing, but an event may come from anywhere:
/// whoever puts these fields into a mail header, a file name or a page treats them as hostile.
public struct Borrower: Codable, Hashable, Sendable {
    /// The name as the person writes it, in any script.
    public let name: String

    /// The e-mail address.
    public let email: String

    /// Makes a borrower.
    public init(name: String, email: String) {
        self.name = name
        self.email = email
    }
}
