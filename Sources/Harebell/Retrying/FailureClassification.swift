/// What kind of failure an error is.
public enum FailureClassification: Sendable, Hashable {
    /// It may succeed later: a timeout, a refused connection, a lock. A delay is used as given and counts as an attempt.
    case transient(retryAfter: Duration?)
    /// What the handler depends on is down, perhaps until a time that is known: the message is not to blame.
    ///
    /// Tried again with a delay, never at once. With a ``BreakerPolicy`` it opens the service's breaker; without one it
    /// is like a transient failure.
    case dependencyDown(retryAfter: Duration?)
    /// It will never succeed: a rule of the business, a bad address. Dead letter at once.
    case permanent

    /// When to try again, if the other side said so.
    var retryAfter: Duration? {
        switch self {
        case .transient(let retryAfter), .dependencyDown(let retryAfter): retryAfter
        case .permanent: nil
        }
    }

    /// What an error says about itself; errors that say nothing are transient.
    public init(_ error: any Error) {
        self = (error as? any FailureClassifying)?.failureClassification ?? .transient(retryAfter: nil)
    }
}

/// An error that knows whether trying again can help.
public protocol FailureClassifying: Error {
    /// What kind of failure it is.
    var failureClassification: FailureClassification { get }
}

/// Trying again cannot help: the message becomes a dead letter at once.
public struct PermanentError: FailureClassifying, CustomStringConvertible {
    /// What is wrong, in words.
    public let message: String
    /// The error behind it, if any.
    public let underlying: (any Error)?

    /// Makes a permanent error.
    public init(_ message: String, underlying: (any Error)? = nil) {
        self.message = message
        self.underlying = underlying
    }

    /// Always permanent.
    public var failureClassification: FailureClassification { .permanent }
    /// The message, and the error behind it.
    public var description: String { underlying.map { "\(message): \($0)" } ?? message }
}

/// Trying again may help, perhaps after a delay that the other side asked for.
public struct TransientError: FailureClassifying, CustomStringConvertible {
    /// What is wrong, in words.
    public let message: String
    /// When to try again, if the other side said so (`Retry-After`).
    public let retryAfter: Duration?
    /// The error behind it, if any.
    public let underlying: (any Error)?

    /// Makes a transient error.
    public init(_ message: String, retryAfter: Duration? = nil, underlying: (any Error)? = nil) {
        self.message = message
        self.retryAfter = retryAfter
        self.underlying = underlying
    }

    /// Always transient.
    public var failureClassification: FailureClassification { .transient(retryAfter: retryAfter) }
    /// The message, and the error behind it.
    public var description: String { underlying.map { "\(message): \($0)" } ?? message }
}

/// What the handler depends on is down: a server that is not reached, a database that refuses everybody.
public struct DependencyDownError: FailureClassifying, CustomStringConvertible {
    /// It says what a transient error says, and only what follows differs.
    private let failure: TransientError

    /// Makes the error.
    public init(_ message: String, retryAfter: Duration? = nil, underlying: (any Error)? = nil) {
        failure = TransientError(message, retryAfter: retryAfter, underlying: underlying)
    }

    /// What is wrong, in words.
    public var message: String { failure.message }
    /// When to try again, if the other side said so.
    public var retryAfter: Duration? { failure.retryAfter }
    /// The error behind it, if any.
    public var underlying: (any Error)? { failure.underlying }
    /// Always that the dependency is down.
    public var failureClassification: FailureClassification { .dependencyDown(retryAfter: retryAfter) }
    /// The message, and the error behind it.
    public var description: String { failure.description }
}
