/// Why something of the development system could not be started or asked.
public struct DevelopmentError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure; more may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the kind.
        public let description: String

        /// A program that is needed is not installed; the message says how to install it.
        public static let notInstalled = Code(description: "notInstalled")
        /// A process could not be started, or exited before it was ready.
        public static let startFailed = Code(description: "startFailed")
        /// A process or server is in a state in which this cannot be asked of it.
        public static let invalidState = Code(description: "invalidState")
        /// A server answered with a failure.
        public static let requestFailed = Code(description: "requestFailed")
        /// The deadline passed.
        public static let timedOut = Code(description: "timedOut")
        /// Another development system runs in the same directory.
        public static let alreadyRunning = Code(description: "alreadyRunning")
        /// No development system runs in this directory.
        public static let notRunning = Code(description: "notRunning")
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, in words for a person.
    public let message: String

    /// Makes an error of a kind with words for a person.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
