#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A request that the partner stub received and how it was answered.
public struct PartnerRequest: Sendable, Hashable {
    /// What the stub found about the signature.
    public enum Signature: Sendable, Hashable {
        /// It is right and fresh.
        case valid
        /// It is missing, wrong or stale; the request was answered with 401.
        case invalid(String)
        /// The stub was given no secret.
        case unchecked
    }

    /// Counts the requests from 1.
    public let number: Int
    /// When it came.
    public let receivedAt: Date
    /// The path.
    public let path: String
    /// The loan that is reported on; empty if the body names none.
    public let loanID: String
    /// The reported status; empty if the body names none.
    public let status: String
    /// The value of `Idempotency-Key`; empty if there is none.
    public let idempotencyKey: String
    /// The value of `X-Correlation-ID` or `Correlation-ID`; empty if there is none.
    public let correlationID: String
    /// The value of `webhook-id`; empty if there is none.
    public let webhookID: String
    /// What was found about the signature.
    public let signature: Signature
    /// The status of the answer; 0 for a request that was left hanging.
    public let answer: Int
    /// The same idempotency key was accepted before.
    public let isDuplicate: Bool
    /// Something later of the same loan was accepted before.
    public let isInversion: Bool
    /// The body's bytes.
    public let body: [UInt8]

    /// Whether it was answered with 200.
    public var isAccepted: Bool { answer == 200 }
}

/// What the partner stub has counted.
public struct PartnerStatistics: Sendable, Hashable, Codable {
    /// All requests.
    public internal(set) var requests = 0
    /// Requests answered with 200, duplicates included.
    public internal(set) var accepted = 0
    /// Accepted requests whose idempotency key had been accepted before.
    public internal(set) var duplicates = 0
    /// Accepted requests, no duplicates, that came after something later of their loan.
    public internal(set) var orderInversions = 0
    /// Requests whose signature was missing or wrong.
    public internal(set) var badSignatures = 0
    /// Requests that came before the time that `Retry-After` had named to their idempotency key.
    public internal(set) var early = 0

    /// Nothing counted yet.
    public init() {}
}
