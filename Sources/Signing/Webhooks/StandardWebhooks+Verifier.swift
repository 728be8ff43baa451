extension StandardWebhooks {
    /// Verifies received requests.
    ///
    /// It proves who signed these bytes and that they were signed lately. That a message was not replayed within the
    /// tolerance is for the receiver to prove, by remembering its id.
    public struct Verifier: Sendable {
        private let secrets: [Secret]
        private let tolerance: Int64

        /// A verifier that accepts a signature by any of `secrets`.
        ///
        /// - Parameters:
        ///   - secrets: the secrets that are valid now.
        ///   - tolerance: how many seconds the timestamp may lie in the past or in the future.
        public init(secrets: [Secret], tolerance: Int64 = 300) {
            self.secrets = secrets
            self.tolerance = tolerance
        }

        /// Returns if one of the signatures is right and the timestamp is near `now` (seconds since 1970).
        public func verify(_ headers: Headers, body: [UInt8], now: Int64) throws(VerificationError) {
            guard let timestamp = Int64(headers.timestamp), String(timestamp) == headers.timestamp else {
                throw .malformedTimestamp
            }
            let (age, overflow) = now.subtractingReportingOverflow(timestamp)
            guard !overflow, age <= tolerance else { throw .tooOld }
            guard age >= -tolerance else { throw .tooNew }
            guard isSigned(headers, body: body) else { throw .noMatchingSignature }
        }

        private func isSigned(_ headers: Headers, body: [UInt8]) -> Bool {
            // Nobody rotates through more secrets; a longer list would only make us compute.
            let candidates = headers.signature.split(separator: " ", maxSplits: 16).prefix(16).map { Array($0.utf8) }
            var isSigned = false
            for secret in secrets {
                let expected = StandardWebhooks.signature(
                    id: headers.id, timestamp: headers.timestamp, body: body, secret: secret)
                // No early exit: the time does not tell which of them matched.
                for candidate in candidates where constantTimeEqual(candidate, Array(expected.utf8)) {
                    isSigned = true
                }
            }
            return isSigned
        }
    }

    /// Why a request is not believed.
    public enum VerificationError: Error, Sendable, Hashable, CustomStringConvertible {
        /// The timestamp is no number of seconds.
        case malformedTimestamp
        /// The timestamp lies further back than the tolerance.
        case tooOld
        /// The timestamp lies further ahead than the tolerance.
        case tooNew
        /// No signature fits the id, the timestamp, the body and a secret.
        case noMatchingSignature

        /// The reason in words.
        public var description: String {
            switch self {
            case .malformedTimestamp: "webhook-timestamp is not a number of seconds"
            case .tooOld: "webhook-timestamp is too old"
            case .tooNew: "webhook-timestamp lies in the future"
            case .noMatchingSignature: "no signature in webhook-signature matches"
            }
        }
    }
}
