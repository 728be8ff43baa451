#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// What is known about a failure, for the headers of the retry or the dead letter.
public struct FailureRecord: Sendable, Hashable {
    /// Calls of the handler made so far, including the one that failed now.
    public var attempts: Int
    /// How often the message was found to have no handler; not attempts, but counted the same way (`harebell-unhandled`).
    public var unhandledCount: Int
    /// The handler that failed; `nil` if none was called.
    public var handler: String?
    /// The error's type.
    public var errorType: String
    /// The error in words, at most 1,024 bytes.
    public var errorMessage: String
    /// The same for failures that look alike: 16 hexadecimal digits.
    public var fingerprint: String
    /// When it failed.
    public var failedAt: Date
    /// When the message failed for the first time.
    public var firstFailedAt: Date

    /// A record from its parts.
    public init(
        attempts: Int, unhandledCount: Int = 0, handler: String? = nil, errorType: String, errorMessage: String,
        fingerprint: String, failedAt: Date, firstFailedAt: Date
    ) {
        self.attempts = attempts
        self.unhandledCount = unhandledCount
        self.handler = handler
        self.errorType = errorType
        self.errorMessage = errorMessage
        self.fingerprint = fingerprint
        self.failedAt = failedAt
        self.firstFailedAt = firstFailedAt
    }
}
