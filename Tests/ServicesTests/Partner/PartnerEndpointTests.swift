import Curl
import Harebell
import HarebellDevelopment
import HarebellTesting
import LoanEvents
import Logging
import Signing
import TestSupport
import Testing

@testable import PartnerWorker

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite(.timeLimit(.minutes(1))) struct `Reports to the partner` {
    let secret = StandardWebhooks.Secret.random()

    @Test func `a payout is reported, signed, with its ids`() async throws {
        try await withPartner { partner, endpoint in
            let event = try paidOut()
            let context = try context(for: event, id: "0199-event")
            try await ReportStatus(endpoint: endpoint).handle(event, context: context)

            let request = try #require(partner.requests.first)
            #expect(request.signature == .valid)
            #expect(request.path == "/loans")
            #expect(request.idempotencyKey == "0199-event" && request.webhookID == "0199-event")
            #expect(request.correlationID == "corr-1")
            #expect(request.loanID == "L-1" && request.status == "paid_out")
            let json = """
                {"data":{"amount":{"currency":"SEK","minorUnits":125000000},"loanID":"L-1","reference":"REF-1",\
                "status":"paid_out"},"id":"0199-event","timestamp":"2026-11-23T06:00:30.000Z","type":"loan.paid-out"}
                """
            #expect(String(decoding: request.body, as: UTF8.self) == json)
        }
    }

    @Test func `every millisecond is reported as it was`() {
        for millisecond in 0..<1_000 {
            let date = Date(timeIntervalSince1970: 1_795_413_630 + Double(millisecond) / 1_000)
            let digits = String(1_000 + millisecond).dropFirst()
            #expect(LoanReport.timestamp(date) == "2026-11-23T06:00:30.\(digits)Z")
        }
        #expect(LoanReport.timestamp(Date(timeIntervalSince1970: -0.001)) == "1969-12-31T23:59:59.999Z")
        #expect(LoanReport.timestamp(Date(timeIntervalSince1970: 0.9996)) == "1970-01-01T00:00:01.000Z")
    }

    @Test func `while a secret is rotated both sides may be first`() async throws {
        let new = StandardWebhooks.Secret.random()
        try await withPartner(secrets: [new, secret]) { partner, endpoint in
            let event = try paidOut()
            try await endpoint.report(event, context: try context(for: event))
            #expect(partner.statistics.accepted == 1)
        }
        try await withPartner(secrets: [new]) { partner, endpoint in
            let failure = await failure(endpoint)
            // The reports wait until the secret is the right one.
            #expect(classification(failure) == .dependencyDown(retryAfter: nil))
            #expect(partner.statistics.badSignatures == 1)
            #expect(!"\(failure as Any)".contains("whsec_"))
        }
    }

    @Test func `each behaviour of the partner becomes the right failure`() async throws {
        try await withPartner { partner, endpoint in
            partner.behave(.reject)
            let rejected = await failure(endpoint)
            #expect(classification(rejected) == .permanent)
            #expect("\(rejected as Any)".contains("422: {\"detail\":\"the partner does not accept this loan\"}"))
            partner.behave(.fail(for: nil))
            #expect(classification(await failure(endpoint)) == .transient(retryAfter: nil))
            partner.behave(.retryAfter(.seconds(5)))
            #expect(classification(await failure(endpoint)) == .transient(retryAfter: .seconds(5)))
            partner.behave(.ok)
            #expect(await failure(endpoint) == nil)
        }
    }

    @Test func `a partner that does not answer is left after the timeout`() async throws {
        try await withPartner(timeout: .milliseconds(200)) { partner, endpoint in
            partner.behave(.hang)
            let failure = await failure(endpoint)
            #expect(classification(failure) == .transient(retryAfter: nil))
            #expect("\(failure as Any)".contains("timedOut"))
        }
    }

    @Test func `a partner that is not there is waited for`() async throws {
        let endpoint = try await withPartner { _, endpoint in endpoint }
        #expect(classification(await failure(endpoint)) == .transient(retryAfter: nil))
    }

    @Test func `a cancelled handler ends as cancelled and leaves the partner`() async throws {
        try await withPartner { partner, endpoint in
            partner.behave(.hang)
            let reporting = Task { await failure(endpoint) }
            try await eventually("the request arrives") { partner.statistics.requests == 1 }
            reporting.cancel()
            #expect(await reporting.value is CancellationError)
        }
    }

    @Test func `an event whose id cannot stand in a header is permanent`() async throws {
        try await withPartner { partner, endpoint in
            let event = try paidOut()
            let context = try context(for: event, id: "a\r\nX-Injected: yes")
            await #expect(throws: PermanentError.self) { try await endpoint.report(event, context: context) }
            #expect(partner.requests.isEmpty)
        }
    }

    @Test func `a worker reports a loan's life in order through an outage, and keeps what is refused`() async throws {
        try await withPartner { partner, endpoint in
            partner.behave(.reject, forLoan: "L-refused")
            let transport = InMemoryTransport()
            let worker = Worker(service: PartnerWorker.service, transport: transport, logger: quiet) {
                endpoint.subscriptions
            }
            let publisher = Publisher(service: "payout", transport: transport)
            try await worker.running {
                try await transport.waitForConsumer(of: PartnerWorker.service)
                partner.behave(.fail(for: nil), forLoan: "L-1", requests: 2)
                let borrower = Borrower(name: "Åsa", email: "asa@example.org")
                let amount = try Money(minorUnits: 100, currency: "SEK")
                for loan in ["L-1", "L-2", "L-refused"] {
                    try await publisher.publish(
                        LoanCreated(loanID: loan, borrower: borrower, amount: amount, occurredAt: Date()))
                    try await publisher.publish(
                        LoanCanceled(
                            loanID: loan, borrower: borrower, amount: amount, reason: "changed my mind",
                            occurredAt: Date()))
                }
                try await transport.drain(PartnerWorker.service)
            }
            #expect(partner.statistics.accepted == 4)
            #expect(partner.statistics.orderInversions == 0 && partner.statistics.duplicates == 0)
            #expect(partner.statistics.badSignatures == 0)
            #expect(partner.requests.filter { $0.loanID == "L-1" }.map(\.answer) == [503, 503, 200, 200])
            #expect(transport.deadLetters(of: PartnerWorker.service).map(\.reason) == [.permanent, .permanent])
        }
    }

    // MARK: Fixtures

    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func withPartner<Result>(
        secrets: [StandardWebhooks.Secret]? = nil, timeout: Duration = .seconds(10),
        _ body: (PartnerStub, PartnerEndpoint) async throws -> Result
    ) async throws -> Result {
        let partner = try await PartnerStub.start(secrets: secrets ?? [secret], logger: quiet)
        let settings = PartnerSettings(url: try ServerURL(partner.url), secrets: [secret], timeout: timeout)
        let endpoint = PartnerEndpoint(
            client: try CurlClient(configuration: settings.clientConfiguration), settings: settings)
        do {
            let result = try await body(partner, endpoint)
            await partner.stop()
            return result
        } catch {
            await partner.stop()
            throw error
        }
    }

    private func context(for event: some Event, id: String = "0199-x") throws -> HandlerContext {
        .detached(
            try Envelope(event, producer: "payout", id: EventID(id), correlationID: "corr-1"),
            service: PartnerWorker.service, logger: quiet)
    }

    private func failure(_ endpoint: PartnerEndpoint) async -> (any Error)? {
        do {
            let event = try paidOut()
            try await endpoint.report(event, context: try context(for: event))
            return nil
        } catch {
            return error
        }
    }

    private func classification(_ error: (any Error)?) -> FailureClassification? {
        error.map { FailureClassification($0) }
    }
}
