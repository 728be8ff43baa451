#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A dead letter as a transport has stored it.
public struct StoredDeadLetter: Sendable, Hashable {
    /// The event's id, if the message has one.
    public var id: String?
    /// Why it was put aside.
    public var reason: String
    /// The bytes of the event.
    public var body: [UInt8]?
    /// Calls of the handler that failed.
    public var attempts: Int
    /// The error's type.
    public var errorType: String?
    /// The error in words.
    public var errorMessage: String?
    /// Equal for failures that look alike.
    public var fingerprint: String?
    /// The handler that failed.
    public var handler: String?
    /// When it failed first.
    public var firstFailedAt: Date?
    /// When it was put aside.
    public var failedAt: Date?
    /// How often it had been replayed before.
    public var replayCount: Int
    /// The correlation id.
    public var correlationID: String?

    /// A dead letter from its parts.
    public init(
        id: String?, reason: String, body: [UInt8]?, attempts: Int, errorType: String?, errorMessage: String?,
        fingerprint: String?, handler: String?, firstFailedAt: Date?, failedAt: Date?, replayCount: Int,
        correlationID: String?
    ) {
        self.id = id
        self.reason = reason
        self.body = body
        self.attempts = attempts
        self.errorType = errorType
        self.errorMessage = errorMessage
        self.fingerprint = fingerprint
        self.handler = handler
        self.firstFailedAt = firstFailedAt
        self.failedAt = failedAt
        self.replayCount = replayCount
        self.correlationID = correlationID
    }
}
