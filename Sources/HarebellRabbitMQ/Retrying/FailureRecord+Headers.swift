import AMQP
import Harebell

extension FailureRecord {
    /// The error's message in a header, in bytes.
    static let maximumMessageBytes = 4 * 1024
    /// Every other text in a header, in bytes.
    static let maximumNameBytes = 256

    /// The headers that tell a retry or a dead letter what happened to its message.
    func headers(service: ServiceName, originExchange: String, origin: ProcessOrigin) -> [(String, FieldValue?)] {
        func text(_ value: String, _ limit: Int = Self.maximumNameBytes) -> FieldValue {
            .string(value.prefix(utf8Bytes: limit))
        }
        return [
            (Header.attempt, .int64(Int64(attempts))),
            (Header.unhandled, unhandledCount > 0 ? .int64(Int64(unhandledCount)) : nil),
            (Header.firstFailedAt, text(Timestamp.format(firstFailedAt))),
            (Header.failedAt, text(Timestamp.format(failedAt))),
            (Header.errorType, text(errorType)),
            (Header.errorMessage, text(errorMessage, Self.maximumMessageBytes)),
            (Header.errorFingerprint, text(fingerprint)),
            (Header.service, text(service.rawValue)),
            (Header.handler, handler.map { text($0) }),
            (Header.host, text(origin.host)),
            (Header.version, text(origin.version)),
            (Header.originExchange, text(originExchange)),
        ]
    }
}

/// Where a failure happened.
public struct ProcessOrigin: Sendable, Hashable {
    /// The host's name.
    public let host: String
    /// The version of the service, or empty.
    public let version: String

    /// Describes where failures of this process happen.
    public init(host: String, version: String) {
        self.host = host
        self.version = version
    }
}
