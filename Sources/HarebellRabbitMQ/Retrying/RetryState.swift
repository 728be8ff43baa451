import AMQP

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a message carries about its own failures.
///
/// Read from `harebell-*` headers, and only when the message came through the service's own exchange, where nobody but
/// the service and its operators may write. Never from `x-death` or `x-delivery-count`: clients can forge the first
/// and neighbours raise the second.
struct RetryState: Equatable {
    /// Calls of the handler that failed so far.
    var attempts = 0
    /// How often it was found to have no handler.
    var unhandledCount = 0
    /// When it may be handled next.
    var notBefore: Date?
    /// When it failed for the first time.
    var firstFailedAt: Date?
    /// The exchange its first delivery came through.
    var originExchange: String
    /// How often an operator replayed it.
    var replayCount = 0
    /// The token of a canary, whose first outcome is to be told.
    var canary: String?

    /// - Parameters:
    ///   - properties: believed only of a message that came through the service's own exchange.
    ///   - isOwn: whether it did.
    init(properties: BasicProperties?, exchange: String, isOwn: Bool) {
        originExchange = exchange
        guard isOwn, let headers = properties?.headers else { return }
        func count(_ name: String) -> Int {
            Int(min(max(headers[name]?.integerValue ?? 0, 0), 1_000_000))
        }
        attempts = count(Header.attempt)
        unhandledCount = count(Header.unhandled)
        replayCount = count(Header.replayCount)
        canary = headers[Header.canary]?.stringValue.flatMap { CanaryReport.isToken($0) ? $0 : nil }
        // A year is longer than any delay; a larger value is a mistake that would park the message for ever.
        let latest = Timestamp.milliseconds(Date()) + 366 * 86_400_000
        notBefore = headers[Header.notBefore]?.integerValue.flatMap {
            (0...latest).contains($0) ? Timestamp.date(milliseconds: $0) : nil
        }
        firstFailedAt = headers[Header.firstFailedAt]?.stringValue.flatMap(Timestamp.parse)
        originExchange = headers[Header.originExchange]?.stringValue ?? exchange
    }

    /// How long the message must still wait.
    ///
    /// A millisecond that has only begun does not count as over.
    func remaining(now: Date = .init()) -> Duration {
        guard let notBefore else { return .zero }
        let due = Timestamp.milliseconds(notBefore, .toNearestOrEven)
        return .milliseconds(max(0, due - Timestamp.milliseconds(now, .down)))
    }
}
