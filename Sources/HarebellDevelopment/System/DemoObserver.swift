#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Watches the events of a demonstration for what was promised.
struct DemoObserver: Sendable {
    let loanID: String
    let rejectedLoanID: String
    /// Whom the mail must have reached.
    let recipient: String
    let paidOutAt: ContinuousClock.Instant
    private(set) var evidence: [DemoResult.Promise: String] = [:]
    private(set) var firstResultAfter: Duration?
    /// What the partner refused, and what became a dead letter: the two are told by different witnesses.
    private var rejectedEvents: Set<String> = []
    private var deadLetters: [String: String] = [:]
    private var failedKeys: Set<String> = []

    init(loanID: String, rejectedLoanID: String, recipient: String, paidOutAt: ContinuousClock.Instant) {
        self.loanID = loanID
        self.rejectedLoanID = rejectedLoanID
        self.recipient = recipient
        self.paidOutAt = paidOutAt
    }

    var isComplete: Bool { evidence.count == DemoResult.Promise.allCases.count }

    mutating func observe(_ event: DevelopmentEvent, now: ContinuousClock.Instant = .now) {
        switch event {
        case .mailReceived(let mail) where mail.recipients.contains(recipient):
            keep(.mail, "\(mail.subject) to \(recipient)", now)
        case .pdfWritten(loanID, let path):
            if Self.isWholePDF(path) { keep(.pdf, path, now) }
        case .partnerCalled(let request) where request.loanID == loanID:
            if !request.isAccepted {
                failedKeys.insert(request.idempotencyKey)
            } else {
                if failedKeys.contains(request.idempotencyKey) {
                    keep(.retry, "\(request.status) was refused once and accepted then", now)
                }
                if request.status.lowercased().hasPrefix("paid"), request.signature == .valid {
                    keep(.partner, "\(request.status), signature valid, correlation \(request.correlationID)", now)
                }
            }
        case .partnerCalled(let request) where request.loanID == rejectedLoanID && !request.isAccepted:
            rejectedEvents.insert(request.idempotencyKey)
        case .deadLettered("partner", let id, _, let reason, let error):
            deadLetters[id] = "\(id) \(reason): \(error)"
        default: break
        }
        if let id = rejectedEvents.first(where: { deadLetters[$0] != nil }), let text = deadLetters[id] {
            keep(.deadLetter, text, now)
        }
    }

    func result() -> DemoResult {
        DemoResult(
            observations: DemoResult.Promise.allCases.map { .init(promise: $0, evidence: evidence[$0]) },
            loanID: loanID, rejectedLoanID: rejectedLoanID, firstResultAfter: firstResultAfter)
    }

    private mutating func keep(_ promise: DemoResult.Promise, _ text: String, _ now: ContinuousClock.Instant) {
        if evidence[promise] == nil { evidence[promise] = text }
        if firstResultAfter == nil { firstResultAfter = now - paidOutAt }
    }

    /// A PDF that is there from its header to its trailer.
    private static func isWholePDF(_ path: String) -> Bool {
        guard let data = FileManager.default.contents(atPath: path) else { return false }
        let tail = String(decoding: data.suffix(32), as: UTF8.self)
        return data.starts(with: Array("%PDF-".utf8)) && tail.contains("%%EOF")
    }
}
