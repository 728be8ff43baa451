/// What the demonstration promised and what of it was observed.
public struct DemoResult: Sendable, Hashable {
    /// One promise.
    public struct Observation: Sendable, Hashable {
        /// What was promised.
        public let promise: Promise
        /// What was seen, in words; nil if it was not.
        public let evidence: String?

        /// Whether it was seen.
        public var isObserved: Bool { evidence != nil }
    }

    /// What a demonstration shows.
    public enum Promise: String, Sendable, Hashable, CaseIterable {
        /// A mail about the payout came.
        case mail
        /// The receipt is there and is a whole PDF.
        case pdf
        /// The partner took a signed report of the payout.
        case partner
        /// The partner failed once and was told again by itself.
        case retry
        /// The loan that the partner refuses ended as a dead letter.
        case deadLetter
    }

    /// All promises, in order.
    public let observations: [Observation]
    /// The loan that went well.
    public let loanID: String
    /// The loan that the partner refused.
    public let rejectedLoanID: String
    /// From the payout to the first effect of it.
    public let firstResultAfter: Duration?

    /// Whether every promise was kept.
    public var isComplete: Bool { observations.allSatisfy(\.isObserved) }
}
