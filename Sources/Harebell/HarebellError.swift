/// An error of the framework itself; what handlers throw is theirs and is never wrapped in it.
public struct HarebellError: Error, Sendable, CustomStringConvertible {
    /// What kind of error it is.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Base: String {
            case decodingFailed, encodingFailed, handlerTimedOut, contextClosed, invalidWorker, endpointEnded
        }
        private let base: Base
        private init(_ base: Base) { self.base = base }

        /// The body is not an event of the type it claims to be.
        public static let decodingFailed = Code(.decodingFailed)
        /// An event cannot be written as JSON.
        public static let encodingFailed = Code(.encodingFailed)
        /// A handler ran longer than its timeout.
        public static let handlerTimedOut = Code(.handlerTimedOut)
        /// A handler's context was used after the handler had ended.
        public static let contextClosed = Code(.contextClosed)
        /// A worker is put together wrongly: two handlers for one event type, a timeout out of range.
        public static let invalidWorker = Code(.invalidWorker)
        /// The transport stopped delivering although nobody asked it to.
        public static let endpointEnded = Code(.endpointEnded)

        /// The code's name.
        public var description: String { base.rawValue }
    }

    /// What kind of error it is.
    public let code: Code
    /// What is wrong, in words; never a message's content.
    public let message: String
    /// The error behind it, if any.
    public let underlying: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    /// Whether the same thing can succeed when it is tried again.
    public var isRetriable: Bool { code == .handlerTimedOut || code == .endpointEnded }

    /// Code and message.
    public var description: String { "\(code): \(message)" }
}
