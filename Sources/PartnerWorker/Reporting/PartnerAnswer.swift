import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the partner's status means for a report.
///
/// | status | meaning |
/// |---|---|
/// | 2xx | taken |
/// | 3xx | permanent: redirects are not followed, a signed report goes where we were told and nowhere else |
/// | 408, 421, 425, 429 | transient: about this attempt, not about the report |
/// | 409 | transient: with an `Idempotency-Key` it says that our first attempt is still being worked on |
/// | 401, 403 | the partner is down for us: a secret that was rotated, a clock that is wrong; every report waits for it |
/// | other 4xx | permanent: the partner understood the report and refuses it |
/// | 5xx | transient |
///
/// A `Retry-After` is honoured wherever trying again is.
enum PartnerAnswer {
    /// The failure, or nil if the report was taken.
    static func failure(status: Int, retryAfter: String?, explanation: String = "", now: Date) -> (any Error)? {
        let said = explanation.isEmpty ? "" : ": \(explanation)"
        let answer = "the partner answered \(status)\(said)"
        switch status {
        case 200..<300:
            return nil
        case 300..<400:
            return PermanentError(
                "\(answer); redirects are never followed: set HAREBELL_PARTNER_URL to the final address and replay")
        case 401, 403:
            return DependencyDownError("\(answer); check HAREBELL_PARTNER_SECRET and the clock of this machine")
        case 408, 409, 421, 425, 429:
            return TransientError(answer, retryAfter: retryAfter.flatMap { RetryAfter.delay($0, now: now) })
        case 400..<500:
            return PermanentError(answer)
        default:
            return TransientError(answer, retryAfter: retryAfter.flatMap { RetryAfter.delay($0, now: now) })
        }
    }
}
