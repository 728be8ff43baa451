/// An error of the `Curl` module.
///
/// It never shows bodies or credentials.
public struct CurlError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Base: String {
            case invalidRequest, hostNotAllowed, addressRefused, hostNotFound, connectionFailed, connectionLost
            case tlsFailed, timedOut, responseTooLarge, loginRefused, mailRefused, protocolViolation, cancelled, closed
            case failed
        }

        private let base: Base

        private init(_ base: Base) {
            self.base = base
        }

        /// Refused locally; nothing was sent.
        public static let invalidRequest = Code(.invalidRequest)
        /// The host is not on the list of allowed hosts; nothing was sent.
        public static let hostNotAllowed = Code(.hostNotAllowed)
        /// The host has no address that the address policy allows.
        public static let addressRefused = Code(.addressRefused)
        /// The host's name has no address.
        public static let hostNotFound = Code(.hostNotFound)
        /// Nobody accepted a connection, or the server turned the session away.
        public static let connectionFailed = Code(.connectionFailed)
        /// The connection broke; what was sent may or may not have been acted on.
        public static let connectionLost = Code(.connectionLost)
        /// The TLS handshake failed, or the certificate is not trusted or not for this host.
        public static let tlsFailed = Code(.tlsFailed)
        /// A timeout passed; what was sent may or may not have been acted on.
        public static let timedOut = Code(.timedOut)
        /// The response is larger than the limit.
        public static let responseTooLarge = Code(.responseTooLarge)
        /// The mail server refused the user or demands one.
        public static let loginRefused = Code(.loginRefused)
        /// The mail server refused the sender, a recipient or the message; ``CurlError/status`` tells why.
        public static let mailRefused = Code(.mailRefused)
        /// The server did not speak the protocol.
        public static let protocolViolation = Code(.protocolViolation)
        /// The task was cancelled.
        public static let cancelled = Code(.cancelled)
        /// The client was shut down.
        public static let closed = Code(.closed)
        /// Any other failure of libcurl.
        public static let failed = Code(.failed)

        /// The code's name.
        public var description: String { base.rawValue }
    }

    /// What went wrong.
    public let code: Code
    /// The library's or the server's words, without control characters.
    public let message: String
    /// The last status the server answered with (HTTP or SMTP), if it answered at all.
    public let status: Int?
    /// Whether a mail was handed over whole and the server did not say what became of it: it may be on its way.
    public internal(set) var isUnresolved = false

    init(_ code: Code, _ message: String, status: Int? = nil) {
        self.code = code
        self.message = message
        self.status = status
    }

    /// Whether the same request may succeed later.
    ///
    /// A mail server that turns away every session (greeting, login) is a fault of the set-up, not of one mail, hence
    /// retriable whatever its status; a refused mail is retriable if its status is 4yz.
    public var isRetriable: Bool {
        switch code {
        case .invalidRequest, .hostNotAllowed, .responseTooLarge, .cancelled: false
        case .mailRefused: status.map { $0 < 500 } ?? true
        default: true
        }
    }

    /// Code, message and status.
    public var description: String {
        let answered = status.map { " (status \($0))" } ?? ""
        return "\(code): \(message)\(answered)"
    }
}
