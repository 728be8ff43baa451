/// Where a loan is in its life: created, then either paid out or canceled, and that for ever.
public enum LoanStatus: String, Codable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Agreed on, nothing paid yet.
    case created

    /// The money has left.
    case paidOut = "paid_out"

    /// Called off before a payout.
    case canceled

    /// The name on the wire and in the database.
    public var description: String { rawValue }

    /// Whether a loan may go from this status to another one.
    public func mayBecome(_ next: LoanStatus) -> Bool {
        self == .created && next != .created
    }
}
