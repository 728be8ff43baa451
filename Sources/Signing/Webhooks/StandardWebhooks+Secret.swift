extension StandardWebhooks {
    /// A shared secret: `whsec_` and the base64 of 24 to 64 random bytes.
    public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        let key: [UInt8]

        /// Reads a secret; the prefix `whsec_` may be missing.
        ///
        /// - Throws: ``SecretError``, which never shows the text.
        public init(_ text: String) throws(SecretError) {
            let prefix = "whsec_"
            let encoded = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
            guard let key = Base64.decode(encoded) else {
                throw SecretError(message: "the secret is not base64 (expected whsec_ and base64 with padding)")
            }
            guard (24...64).contains(key.count) else {
                throw SecretError(message: "the secret has \(key.count) bytes (expected 24 to 64)")
            }
            self.key = key
        }

        /// A new secret of 32 random bytes.
        public static func random() -> Secret {
            var generator = SystemRandomNumberGenerator()
            return Secret(key: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        }

        private init(key: [UInt8]) {
            self.key = key
        }

        /// The secret itself, in the form ``init(_:)`` reads: to hand it to the other side, never to log it.
        public var revealed: String { "whsec_" + Base64.encode(key) }

        /// A constant: a secret is not shown.
        public var description: String { "whsec_…" }

        /// A constant: a secret is not shown.
        public var debugDescription: String { description }

        /// No children: a secret is not shown by reflection either.
        public var customMirror: Mirror { Mirror(self, children: []) }
    }

    /// Why a text is no ``Secret``.
    public struct SecretError: Error, Sendable, CustomStringConvertible {
        /// What is wrong with it, without the text.
        public let message: String

        /// The message.
        public var description: String { message }
    }
}
