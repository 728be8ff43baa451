#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Everything the stub knows: pure, so that it is tested without a server.
struct PartnerLedger: Sendable {
    /// What one request said.
    struct Call {
        var path = "/"
        var report: Result<PartnerReport, any Error>
        var idempotencyKey = ""
        var correlationID = ""
        var webhookID = ""
        var signature = PartnerRequest.Signature.unchecked
        var body: [UInt8] = []
    }

    private(set) var requests: [PartnerRequest] = []
    private(set) var statistics = PartnerStatistics()
    var schedule = PartnerSchedule()
    private var acceptedKeys: Set<String> = []
    private var latest: [String: PartnerReport.Order] = [:]
    /// When a key that was told to wait may come back.
    private var notBefore: [String: ContinuousClock.Instant] = [:]

    /// Decides about a call and records it.
    mutating func record(_ call: Call, at date: Date, now: ContinuousClock.Instant) -> (PartnerAnswer, PartnerRequest) {
        let report = try? call.report.get()
        let answer = decide(call, report, now: now)
        statistics.requests += 1
        if case .unauthorized = answer { statistics.badSignatures += 1 }
        let key = call.idempotencyKey
        if !key.isEmpty {
            if let moment = notBefore[key], now < moment { statistics.early += 1 }
            notBefore[key] = if case .retryAfter(let seconds) = answer { now + .seconds(seconds) } else { nil }
        }
        var (isDuplicate, isInversion) = (false, false)
        if answer == .accepted, let report {
            statistics.accepted += 1
            isDuplicate = !key.isEmpty && !acceptedKeys.insert(key).inserted
            if isDuplicate {
                statistics.duplicates += 1
            } else {
                let before = latest[report.loanID]
                isInversion = before.map { report.order < $0 } ?? false
                if isInversion { statistics.orderInversions += 1 } else { latest[report.loanID] = report.order }
            }
        }
        let request = PartnerRequest(
            number: statistics.requests, receivedAt: date, path: call.path, loanID: report?.loanID ?? "",
            status: report?.status ?? "", idempotencyKey: key, correlationID: call.correlationID,
            webhookID: call.webhookID, signature: call.signature, answer: answer.status, isDuplicate: isDuplicate,
            isInversion: isInversion, body: call.body)
        requests.append(request)
        return (answer, request)
    }

    /// Forgets requests and counts, and which keys were accepted.
    mutating func forget() {
        let schedule = schedule
        self = PartnerLedger()
        self.schedule = schedule
    }

    private mutating func decide(
        _ call: Call, _ report: PartnerReport?, now: ContinuousClock.Instant
    ) -> PartnerAnswer {
        if case .invalid(let reason) = call.signature { return .unauthorized(reason) }
        guard let report else { return .malformed("the body is no loan report: loanID and status are needed") }
        return schedule.answer(forLoan: report.loanID, now: now)
    }
}
