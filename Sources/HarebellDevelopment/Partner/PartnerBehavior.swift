/// How the partner stub answers.
public enum PartnerBehavior: Sendable, Hashable {
    /// 200.
    case ok
    /// 503, for a time or until it is told otherwise.
    case fail(for: Duration?)
    /// 429 with `Retry-After`, until the time has passed.
    case retryAfter(Duration)
    /// 422: this will never be accepted.
    case reject
    /// No answer, until it is told otherwise or the client gives up.
    case hang
}

/// What a behaviour comes to for one request.
enum PartnerAnswer: Sendable, Hashable {
    case accepted
    case failed
    case retryAfter(seconds: Int)
    case rejected
    /// The signature is missing or wrong.
    case unauthorized(String)
    /// The request is no loan report.
    case malformed(String)
    case hang

    var status: Int {
        switch self {
        case .accepted: 200
        case .failed: 503
        case .retryAfter: 429
        case .rejected: 422
        case .unauthorized: 401
        case .malformed: 400
        case .hang: 0
        }
    }

    var detail: String {
        switch self {
        case .accepted: "accepted"
        case .failed: "the partner is out of order"
        case .retryAfter(let seconds): "too many requests, come back in \(seconds) s"
        case .rejected: "the partner does not accept this loan"
        case .unauthorized(let reason), .malformed(let reason): reason
        case .hang: ""
        }
    }
}

/// The behaviour that is set, with the moment at which it ends.
struct PartnerSchedule: Sendable {
    private(set) var behavior = PartnerBehavior.ok
    private var end: ContinuousClock.Instant?
    /// Behaviours for single loans, each with the number of requests it is still for.
    private var exceptions: [String: (behavior: PartnerBehavior, remaining: Int)] = [:]

    mutating func set(_ behavior: PartnerBehavior, now: ContinuousClock.Instant) {
        self.behavior = behavior
        switch behavior {
        case .fail(let duration): end = duration.map { now + $0 }
        case .retryAfter(let duration): end = now + duration
        case .ok, .reject, .hang: end = nil
        }
    }

    mutating func set(_ behavior: PartnerBehavior, forLoan loan: String, requests: Int) {
        exceptions[loan] = (behavior, requests)
    }

    mutating func removeExceptions() { exceptions = [:] }

    /// The behaviour at a moment: one whose time is over has become `ok`.
    mutating func current(now: ContinuousClock.Instant) -> PartnerBehavior {
        if let end, now >= end { set(.ok, now: now) }
        return behavior
    }

    mutating func answer(forLoan loan: String, now: ContinuousClock.Instant) -> PartnerAnswer {
        let current = current(now: now)
        if var exception = exceptions[loan] {
            exception.remaining -= 1
            exceptions[loan] = exception.remaining > 0 ? exception : nil
            return Self.answer(exception.behavior, remaining: nil)
        }
        return Self.answer(current, remaining: end.map { now.duration(to: $0) })
    }

    private static func answer(_ behavior: PartnerBehavior, remaining: Duration?) -> PartnerAnswer {
        switch behavior {
        case .ok: return .accepted
        case .fail: return .failed
        case .reject: return .rejected
        case .hang: return .hang
        case .retryAfter(let duration):
            let left = remaining ?? duration
            // Whole seconds, rounded up: who comes back then is not refused again.
            let seconds = left.components.seconds + (left.components.attoseconds > 0 ? 1 : 0)
            return .retryAfter(seconds: max(1, Int(seconds)))
        }
    }
}
