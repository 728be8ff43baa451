/// The names of the headers that Harebell reads and writes.
enum Header {
    /// CloudEvents attributes, as the AMQP binding of CloudEvents 1.0 spells them today.
    static let cloudEventsPrefix = "cloudEvents_"
    /// Older and foreign spellings that are read, never written.
    static let acceptedPrefixes = ["cloudEvents_", "cloudEvents:", "ce-", "ce_"]

    static let traceparent = "traceparent"
    static let tracestate = "tracestate"
    static let baggage = "baggage"

    /// Headers with this prefix are ours; they are believed only on deliveries of the service's own exchange.
    static let prefix = "harebell-"
    static let causationID = "harebell-causation-id"

    static let attempt = "harebell-attempt"
    static let unhandled = "harebell-unhandled"
    static let notBefore = "harebell-not-before"
    static let firstFailedAt = "harebell-first-failed-at"
    static let failedAt = "harebell-failed-at"
    static let reason = "harebell-reason"
    static let errorType = "harebell-error-type"
    static let errorMessage = "harebell-error-message"
    static let errorFingerprint = "harebell-error-fingerprint"
    static let service = "harebell-service"
    static let handler = "harebell-handler"
    static let host = "harebell-host"
    static let version = "harebell-version"
    static let originExchange = "harebell-origin-exchange"
    static let replayOf = "harebell-replay-of"
    static let replayCount = "harebell-replay-count"
    /// The token of a canary, on its replay.
    static let canary = "harebell-canary"
    /// What became of it, on the report.
    static let canaryOutcome = "harebell-canary-outcome"
    static let headersDropped = "harebell-headers-dropped"

    /// What a replay removes: the message starts over, but keeps when it first failed.
    static let removedByReplay: Set<String> = [
        attempt, unhandled, notBefore, failedAt, reason, errorType, errorMessage, errorFingerprint, handler, host,
        version, canary,
    ]

    /// What is never copied to a republished message: written by the broker, or able to route, expire or impersonate.
    static func isNeverCopied(_ name: String) -> Bool {
        neverCopied.contains(name) || neverCopiedPrefixes.contains { name.hasPrefix($0) }
    }

    private static let neverCopied: Set<String> = ["x-delivery-count", "x-acquired-count", "CC", "BCC"]
    private static let neverCopiedPrefixes = ["x-death", "x-first-death-", "x-last-death-"]
}
