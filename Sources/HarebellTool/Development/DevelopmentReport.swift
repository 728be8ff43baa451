import HarebellDevelopment
import Synchronization

/// Shows what happens in a development system, a line per event.
final class DevelopmentReport: Sendable {
    private let showsLogs: Bool

    init(showsLogs: Bool) {
        self.showsLogs = showsLogs
    }

    /// Shows an event, if it is one that somebody wants to see.
    func show(_ event: DevelopmentEvent) {
        for line in lines(of: event) { Terminal.out(line) }
    }

    func lines(of event: DevelopmentEvent) -> [String] {
        switch event {
        case .brokerStarting:
            [Self.row("Broker", "starting a private RabbitMQ …")]
        case .brokerReady(let address, let took):
            [Self.row("Broker", "\(address)  ready in \(Self.seconds(took))")]
        case .brokerExited(let status):
            [Self.row("Broker", "✘ gone (\(status)); 'harebell dev broker start' starts it again")]
        case .topologyApplied(let exchanges, let queues, let bindings):
            [Self.row("Topology", "\(exchanges) exchanges, \(queues) queues, \(bindings) bindings")]
        case .mailSinkReady(let url, let directory):
            [Self.row("Mail sink", "\(url)  keeps mail in \(directory); nothing leaves this machine")]
        case .partnerReady(let url):
            [Self.row("Partner", "\(url)")]
        case .partnerBehaves(let behavior):
            [Self.row("Partner", "from now on: \(Self.words(behavior))")]
        case .serviceStarted(let name, let processID):
            [Self.row(name, "started, process \(processID)")]
        case .serviceStatus(let name, let url):
            [Self.row(name, "\(SafeText.line(url))/metrics")]
        case .serviceExited(let name, let status, let restart):
            [Self.row(name, "✘ \(status); started again in \(Self.seconds(restart))")]
        case .serviceStartFailed(let name, let reason, let restart):
            [Self.row(name, "✘ \(SafeText.line(reason)); tried again in \(Self.seconds(restart))")]
        case .serviceStopped(let name, let status):
            [Self.row(name, "stopped" + (status.map { $0.isSuccess ? "" : ", \($0)" } ?? ""))]
        case .serviceLine(let name, let line):
            serviceLines(name, line)
        case .ready(let url):
            [Self.row("Payout", "\(url)  ready"), ""]
        case .mailReceived(let mail):
            ["  ✔ email    \(SafeText.line(mail.subject))  to \(SafeText.line(mail.to))"]
        case .pdfWritten(let loan, let path):
            ["  ✔ pdf      loan \(SafeText.line(loan))  \(SafeText.line(path))"]
        case .partnerCalled(let request):
            [
                "  \(request.isAccepted ? "✔" : "✘") partner  loan \(SafeText.line(request.loanID)) "
                    + "\(SafeText.line(request.status)), answered \(request.answer)"
                    + (request.isDuplicate ? ", duplicate" : "") + (request.isInversion ? ", out of order" : "")
            ]
        case .retried(let service, let eventID, let attempt, let after, let reason):
            [
                "  … \(service.padded(to: 8)) attempt \(attempt) of \(SafeText.line(eventID)) failed, again in "
                    + "\(Self.seconds(after)): \(SafeText.line(reason, limit: 120))"
            ]
        case .deadLettered(let service, let eventID, let eventType, let reason, let error):
            [
                "  ✘ \(service.padded(to: 8)) gave up \(SafeText.line(eventType)) \(SafeText.line(eventID)) "
                    + "(\(SafeText.line(reason))): \(SafeText.line(error, limit: 120))"
            ]
        case .demo(let step):
            ["Demo: \(SafeText.line(step))"]
        }
    }

    private func serviceLines(_ name: String, _ line: ServiceLogLine) -> [String] {
        if showsLogs { return ["\(name.padded(to: 8)) | \(SafeText.line(line.text, limit: 4_096))"] }
        guard ["error", "critical"].contains(line.level), line.fields["outcome"] == nil else { return [] }
        return ["  ! \(name.padded(to: 8)) \(SafeText.line(line.message)) \(SafeText.line(line.fields["error"] ?? ""))"]
    }

    /// Shows what the demonstration proved.
    func show(_ result: DemoResult) {
        Terminal.out("")
        for observation in result.observations {
            let mark = observation.isObserved ? "✔" : "✘"
            let promise = Self.words(observation.promise).padded(to: 32)
            Terminal.out("\(mark) \(promise)\(SafeText.line(observation.evidence ?? "not observed", limit: 300))")
        }
        if let first = result.firstResultAfter { Terminal.out("  first result after \(Self.seconds(first))") }
        Terminal.out("")
    }

    /// Says what to try next.
    func showNextSteps(payoutURL: String) {
        let lines = """
            Try, from another terminal in this directory:
              harebell queues list --watch            every queue, live
              harebell dlq list                       what failed; then 'dlq show ID' and 'dlq replay ID'
              harebell services pause email           mails wait; 'harebell services resume email'
              harebell dev partner fail 20s           the partner is down, the others carry on
              harebell dev broker kill                and 'harebell dev broker start'
              curl -s \(payoutURL)/loans -H 'Content-Type: application/json' \\
                -d '{"borrower":{"name":"Åsa Öberg","email":"asa@example.org"},"amount":{"minorUnits":125000000,"currency":"SEK"}}'
            Ctrl-C stops everything.
            """
        Terminal.out(lines)
    }

    static func row(_ title: String, _ text: String) -> String {
        "  \(title.padded(to: 12))\(text)"
    }

    static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
        return milliseconds < 1_000 ? "\(milliseconds) ms" : "\(Units.tenths(Double(milliseconds) / 1_000)) s"
    }

    private static func words(_ behavior: PartnerBehavior) -> String {
        switch behavior {
        case .ok: "takes every report"
        case .fail(let time): "answers 503" + (time.map { " for \(seconds($0))" } ?? "")
        case .retryAfter(let time): "answers 429, Retry-After \(seconds(time))"
        case .reject: "answers 422"
        case .hang: "never answers"
        }
    }

    private static func words(_ promise: DemoResult.Promise) -> String {
        switch promise {
        case .mail: "a mail reached the borrower"
        case .pdf: "a receipt was printed"
        case .partner: "the partner was told, signed"
        case .retry: "a failure was retried by itself"
        case .deadLetter: "a refusal is a dead letter"
        }
    }
}

extension String {
    /// The text with spaces up to a width, and at least one.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(1, width - count))
    }
}
