/// What went wrong in the AMQP module.
///
/// The description tells what happened, on what, and what to do about it; never a body, a header or a credential.
/// Where the broker gave a reply code, it begins with that:
/// `403 ACCESS_REFUSED: user "email" may not write to exchange "loan.paid-out" in virtual host "/": grant it with …`.
public struct AMQPError: Error, Sendable, CustomStringConvertible {
    /// The kind of an error; new kinds may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Base: String {
            case connectionFailed, tlsFailed, authenticationRefused, connectionClosed, channelClosed, consumerCancelled
            case closed, nacked, returned, timedOut, invalidArgument, malformed, protocolViolation, cancelled
        }

        private let base: Base

        private init(_ base: Base) {
            self.base = base
        }

        /// No host could be reached: name resolution, refused connection, connect deadline.
        public static let connectionFailed = Code(.connectionFailed)
        /// The TLS handshake or the verification of the peer failed; no credentials were sent.
        public static let tlsFailed = Code(.tlsFailed)
        /// The broker refused the login: credentials or virtual host.
        public static let authenticationRefused = Code(.authenticationRefused)
        /// The connection ended: closed by the broker (with a reply code), end of stream, heartbeat missed.
        public static let connectionClosed = Code(.connectionClosed)
        /// The broker closed the channel, with reply code and text.
        public static let channelClosed = Code(.channelClosed)
        /// The broker cancelled the consumer, for example because its queue was deleted.
        public static let consumerCancelled = Code(.consumerCancelled)
        /// Closed by this program.
        public static let closed = Code(.closed)
        /// The broker refused to store the message (basic.nack).
        public static let nacked = Code(.nacked)
        /// No queue was there to take the mandatory message (basic.return).
        public static let returned = Code(.returned)
        /// The deadline passed; whether the broker did it is unknown.
        public static let timedOut = Code(.timedOut)
        /// Refused locally; nothing was sent.
        public static let invalidArgument = Code(.invalidArgument)
        /// This message cannot be decoded; others and the connection are not affected.
        public static let malformed = Code(.malformed)
        /// The peer broke the protocol; the connection was closed.
        public static let protocolViolation = Code(.protocolViolation)
        /// The task that waited was cancelled.
        public static let cancelled = Code(.cancelled)

        /// The name of the code.
        public var description: String { base.rawValue }
    }

    /// The kind of the error.
    public let code: Code
    /// What happened; the broker's own words, if it is the one that refused.
    public let message: String
    /// The AMQP reply code, if there is one, for example 404.
    public let replyCode: UInt16?
    /// The error below this one.
    public let underlying: (any Error)?
    /// Class and method that the broker refused.
    var method: UInt32 = 0
    /// The host it was, where there are several.
    var host: String?
    /// Whether the reply code is our verdict on what the broker sent, and not the broker's on us.
    private var isVerdict = false

    /// Makes an error.
    public init(_ code: Code, _ message: String, replyCode: UInt16? = nil, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.replyCode = replyCode
        self.underlying = underlying
        isVerdict = code == .protocolViolation
    }

    /// Whether the same call can succeed later without any change to it.
    public var isRetriable: Bool {
        switch code {
        case .connectionFailed, .connectionClosed, .consumerCancelled, .nacked, .timedOut: true
        case .channelClosed: replyCode.map { ![403, 404, 406, 530].contains($0) } ?? true
        default: false
        }
    }

    /// What happened, on what, and what to do about it.
    public var description: String {
        let place = host.map { message.contains($0) ? "" : "\($0): " } ?? ""
        let cause = underlying.map { ": \($0)" } ?? ""
        guard let replyCode else { return "\(code): \(place)\(message)\(cause)" }
        guard !isVerdict else {
            return "\(replyCode) \(BrokerReply.name(of: replyCode)): \(place)\(message)\(cause)"
        }
        return "\(place)\(BrokerReply(code: replyCode, text: message, method: method))\(cause)"
    }

    /// The broker closed a channel or the connection.
    init(_ code: Code, closedWith payload: ClosePayload) {
        self.init(code, BrokerReply.withoutBytes(payload.text), replyCode: payload.code)
        method = UInt32(payload.classID) << 16 | UInt32(payload.methodID)
    }

    /// The same under another code.
    func with(_ code: Code) -> AMQPError {
        var error = AMQPError(code, message, replyCode: replyCode, underlying: underlying)
        error.method = method
        error.host = host
        error.isVerdict = isVerdict
        return error
    }

    /// The same with the host that it is about.
    func on(_ host: AMQPConfiguration.Host) -> AMQPError {
        var error = self
        error.host = "\(host)"
        return error
    }
}
