extension StandardWebhooks {
    /// Signs requests with one secret, or with several while they are rotated.
    public struct Signer: Sendable {
        private let secrets: [Secret]

        /// A signer that makes one signature per secret, in this order.
        public init(secrets: [Secret]) {
            precondition(!secrets.isEmpty, "a signer needs a secret")
            self.secrets = secrets
        }

        /// A signer with one secret.
        public init(secret: Secret) {
            self.init(secrets: [secret])
        }

        /// The headers for one attempt to deliver `body`.
        ///
        /// - Parameters:
        ///   - id: the message's id, the same for every attempt.
        ///   - timestamp: the time of this attempt in seconds since 1970.
        ///   - body: the exact bytes that are sent.
        public func sign(id: String, timestamp: Int64, body: [UInt8]) -> Headers {
            let time = String(timestamp)
            let signatures = secrets.map {
                StandardWebhooks.signature(id: id, timestamp: time, body: body, secret: $0)
            }
            return Headers(id: id, timestamp: time, signature: signatures.joined(separator: " "))
        }
    }
}
