import Curl
import HarebellDevelopment
import TestSupport
import Testing

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The whole system seen from outside: its traces at a real collector, its metrics, its logs, and no secret in any of it.
extension SystemTests {
    /// Runs a system of its own, traced and as talkative as can be.
    private func observed(
        _ body: @escaping @Sendable (RunningSystem, Collector, _ key: String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await Collector.running(in: directory) { collector in
                let key = "S3cr3t-CANARY-" + uniqueName("otlp")
                var configuration = DevelopmentConfiguration(directory: directory + "/dev")
                configuration.logLevel = "trace"
                for service in ["payout"] + RunningSystem.workers {
                    configuration.environment[service] = [
                        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
                        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=\(key)", "OTEL_BSP_SCHEDULE_DELAY": "100",
                    ]
                }
                let system = DevelopmentSystem(configuration, logger: quietLogger)
                let journal = EventJournal()
                let events = system.events()
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { for await event in events { journal.record(event) } }
                    try await system.run {
                        try await body(
                            RunningSystem(system: system, journal: journal, client: try CurlClient()), collector, key)
                    }
                    tasks.cancelAll()
                }
            }
        }
    }

    @Test(.enabled(if: ForeignClient.isInstalled))
    func `one trace shows the request, the event, its handling and the calls that follow, and nothing shows a secret`()
        async throws
    {
        try await observed { running, collector, key in
            let loan = try await running.createLoan()
            try await eventually("the partner to know the loan", within: .seconds(60)) {
                try running.partnerCalls(about: loan).contains(where: \.isAccepted)
            }
            try running.system.partner.behave(.fail(for: nil), forLoan: loan.id, requests: 1)
            try await running.payOut(loan)
            #expect(try await running.settled([loan]).lost == 0)

            func spans() throws -> [Collector.Span] {
                let all = try collector.spans
                let request = all.first { $0.name == "/loans/{id}/payout" || $0.name == "/loans/:id/payout" }
                return all.filter { $0.trace == request?.trace }
            }
            try await eventually("the whole trace", within: .seconds(30)) {
                let names = try spans().map { "\($0.service) \($0.name)" }
                return ["payout publish loan.paid-out", "email SMTP", "partner POST", "pdf process loan.paid-out:pdf"]
                    .allSatisfy(names.contains)
                    && names.contains { $0.hasPrefix("email process") }
                    && names.contains { $0.hasPrefix("partner process") }
            }
            try checkTree(spans())
            try await checkRetry(of: loan, collector, first: spans())
            try await checkOutcomes(running, spans())
            try await checkMetrics(running)
            try checkSecrets(running, key)
        }
    }

    /// Request → publish → one handling per subscriber → their calls.
    private func checkTree(_ spans: [Collector.Span]) throws {
        let request = try #require(spans.first { $0.kind == "SPAN_KIND_SERVER" })
        #expect(request.service == "payout" && request.parent.isEmpty)
        #expect(request.attributes["http.response.status_code"] == "200")
        let publish = try #require(spans.first { $0.kind == "SPAN_KIND_PRODUCER" })
        #expect(publish.service == "payout" && publish.name == "publish loan.paid-out")
        #expect(publish.parent == request.id)
        for service in RunningSystem.workers {
            let process = try #require(spans.first { $0.service == service && $0.kind == "SPAN_KIND_CONSUMER" })
            #expect(process.name == "process loan.paid-out:\(service)")
            #expect(process.parent == publish.id, "\(service)")
            #expect(process.attributes["messaging.message.id"] == publish.attributes["messaging.message.id"])
            #expect(process.attributes["harebell.attempt"] == "1")
            guard service != "pdf" else { continue }
            let call = try #require(spans.first { $0.service == service && $0.kind == "SPAN_KIND_CLIENT" })
            #expect(call.parent == process.id, "\(service)")
            #expect(call.attributes["server.address"] == "127.0.0.1")
        }
        #expect(spans.allSatisfy { $0.isInOrder && $0.isKnown && $0.scope == "harebell" })
    }

    /// The partner failed the first call: that is an error in the trace, and the second call a trace of its own, linked.
    private func checkRetry(of loan: TestLoan, _ collector: Collector, first: [Collector.Span]) async throws {
        let failed = try #require(first.first { $0.service == "partner" && $0.kind == "SPAN_KIND_CONSUMER" })
        #expect(failed.status == "STATUS_CODE_ERROR")
        #expect(failed.events == ["exception"])
        let publish = try #require(first.first { $0.kind == "SPAN_KIND_PRODUCER" })
        let retry = try await eventualValue("the span of the retry") {
            try collector.spans.first {
                $0.service == "partner" && $0.attributes["harebell.attempt"] == "2"
                    && $0.attributes["messaging.message.id"] == publish.attributes["messaging.message.id"]
            }
        }
        #expect(retry.trace != publish.trace && retry.parent.isEmpty)
        #expect(retry.links == [.init(trace: publish.trace, id: publish.id)])
        #expect(retry.status == "STATUS_CODE_UNSET")
    }

    /// The line about an outcome names the span of the call that led to it.
    private func checkOutcomes(_ running: RunningSystem, _ spans: [Collector.Span]) async throws {
        for service in ["email", "pdf"] {
            let process = try #require(spans.first { $0.service == service && $0.kind == "SPAN_KIND_CONSUMER" })
            let line = try await eventualValue("the line about the outcome in \(service)") {
                running.journal.lines(of: service).first {
                    $0.fields["outcome"] == "handled" && $0.fields["span_id"] == process.id
                }
            }
            #expect(line.fields["trace_id"] == process.trace)
            for field in ["correlation_id", "event_id", "event_type", "attempt", "handler"] {
                #expect(line.fields[field] != nil, "\(service) \(field)")
            }
        }
    }

    private func checkMetrics(_ running: RunningSystem) async throws {
        func metrics(_ service: String) async throws -> String {
            let line = running.journal.lines(of: service).first { $0.message == "status server listens" }
            let address = try #require(line?.fields["address"])
            let response = try await running.client.send(HTTPRequest(url: address + "/metrics"))
            return String(decoding: response.body, as: UTF8.self)
        }
        let email = try await metrics("email")
        #expect(
            email.contains(
                "harebell_deliveries_total{event_type=\"loan.paid-out\",outcome=\"handled\",service=\"email\"} 1\n"))
        #expect(email.contains("harebell_traces_spans_exported_total"))
        let partner = try await metrics("partner")
        #expect(
            partner.contains(
                "harebell_retries_total{event_type=\"loan.paid-out\",kind=\"immediate\",service=\"partner\"} 1\n"))
        let payout = try await metrics("payout")
        #expect(payout.contains("harebell_outbox_pending{service=\"payout\"} 0\n"))
        #expect(
            payout.contains("http_route=\"/loans/{id}/payout\"") || payout.contains("http_route=\"/loans/:id/payout\""))
        #expect(payout.contains("messaging_client_sent_messages_total{event_type=\"loan.paid-out\""))
        for text in [email, partner, payout] { #expect(text.contains("harebell_metrics_dropped_series_total 0\n")) }
    }

    /// Every secret of every process, as it got them, against everything that every process wrote.
    private func checkSecrets(_ running: RunningSystem, _ key: String) throws {
        var secrets = [key]
        for (service, pid) in try running.processIDs() {
            let environment = Command.contents(of: "/proc/\(pid)/environ").split(separator: "\0")
            for variable in environment {
                let value = String(variable.drop { $0 != "=" }.dropFirst())
                if variable.hasPrefix("HAREBELL_PARTNER_SECRET=") { secrets.append(value) }
                if variable.hasPrefix("HAREBELL_URL=") {
                    let user = value.split(separator: "@")[0].split(separator: "/").last ?? ""
                    secrets.append(String(user.split(separator: ":").last ?? ""))
                }
            }
            #expect(!Command.contents(of: "/proc/\(pid)/cmdline").contains("CANARY"), "\(service)")
        }
        #expect(secrets.count == 6 && secrets.allSatisfy { $0.count > 15 })
        let written = (["payout"] + RunningSystem.workers).flatMap { running.journal.lines(of: $0) }.map(\.text)
        #expect(written.count > 20)
        for secret in secrets {
            #expect(!written.contains { $0.contains(secret) }, "a secret of \(secret.count) characters is in the logs")
        }
    }
}
