import AMQP
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import LoanEvents
import TestSupport
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension LoadTests {
    @Test(.timeLimit(.minutes(5)))
    func `the partner hears of each loan in order, and nothing is lost`() async throws {
        let loans = (0..<1000).map { "loan-\($0)" }
        let partner = try await PartnerStub.start(logger: quietLogger)
        do {
            try await withTemporaryDirectory { directory in
                try await withVirtualHost { url in
                    let settings = [
                        "HAREBELL_URL": url, "HAREBELL_PREFETCH": "50", "HAREBELL_PARTNER_URL": partner.url,
                        // 24 bytes; the stub was given none and checks no signature.
                        "HAREBELL_PARTNER_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u",
                        "HAREBELL_LOG_LEVEL": "warning",
                    ]
                    try await withServiceProcess("partner-worker", settings: settings, in: directory) { services in
                        try await Self.publishLives(of: loans, url, to: partner, through: services)
                    }
                }
            }
        } catch {
            await partner.stop()
            throw error
        }
        let (accepted, statistics) = (partner.requests.filter(\.isAccepted), partner.statistics)
        await partner.stop()

        let firsts = accepted.filter { !$0.isDuplicate }
        let statuses = Dictionary(grouping: firsts, by: \.loanID).mapValues { $0.map(\.status) }
        let inOrder = [LoanStatus.created, .paidOut, .canceled].map(\.rawValue)
        let inversions = loans.count { loan in statuses[loan].map { $0 != inOrder } ?? false }
        let lost = loans.count * 3 - Set(firsts.map(\.idempotencyKey)).count
        print(
            "order: \(loans.count) loans × 3 events, prefetch 50: \(inversions) loans out of order,",
            "\(statistics.orderInversions) inversions counted by the partner, \(lost) lost,",
            "\(statistics.duplicates) duplicates, \(statistics.requests - statistics.accepted) refused")
        #expect(inversions == 0)
        #expect(statistics.orderInversions == 0)
        #expect(lost == 0)
        #expect(Set(statuses.keys) == Set(loans))
    }

    /// Publishes the events of all loans and waits until the partner has them.
    ///
    /// Half of them wait already when the worker comes: it takes as many at once as it may, and neighbours are of one
    /// loan. The other half comes while it works.
    private static func publishLives(
        of loans: [String], _ url: String, to partner: PartnerStub, through services: ServiceSupervisor
    ) async throws {
        let transport = RabbitMQTransport(configuration: try AMQPConfiguration(uri: url), logger: quietLogger)
        let publisher = Publisher(service: "payout", transport: transport)
        let (queues, half) = (LoadQueues(url: url), loans.count / 2)
        try await withThrowingTaskGroup(of: Void.self) { running in
            running.addTask { try await transport.run() }
            defer { running.cancelAll() }
            try await eventually("partner-worker consumes", within: .seconds(60)) {
                try await queues.consumers(of: ["partner"]) > 0
            }
            await services.stop("partner-worker")
            try await publishLives(of: loans[..<half], by: publisher)
            #expect(try await queues.waiting("partner") == half * 3)
            services.start("partner-worker")
            let began = ContinuousClock.now
            try await publishLives(of: loans[half...], by: publisher)
            let events = loans.count * 3
            try await eventually("the partner has every event", within: .seconds(120)) {
                partner.statistics.accepted - partner.statistics.duplicates >= events
            }
            // Whatever is still on its way would be a duplicate: it is counted too.
            try await eventually("nothing waits") { try await queues.waiting("partner") == 0 }
            #expect(try await queues.dead("partner") == 0)
            print("order: \(events) events, \(half * 3) of them waiting: reported in \(ContinuousClock.now - began)")
        }
    }

    /// All three events of each loan in order, several loans at a time.
    private static func publishLives(
        of loans: ArraySlice<String>, by publisher: Publisher<RabbitMQTransport>, atATime width: Int = 8
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { lanes in
            for lane in 0..<width {
                lanes.addTask {
                    for index in stride(from: loans.startIndex + lane, to: loans.endIndex, by: width) {
                        try await publishLife(of: loans[index], by: publisher)
                    }
                }
            }
            try await lanes.waitForAll()
        }
    }

    private static func publishLife(of loan: String, by publisher: Publisher<RabbitMQTransport>) async throws {
        let borrower = Borrower(name: "Åsa Öberg", email: "asa@example.org")
        let amount = try Money(minorUnits: 125_000_000, currency: "SEK")
        let date = Date()
        try await publisher.publish(
            LoanCreated(loanID: loan, borrower: borrower, amount: amount, occurredAt: date))
        try await publisher.publish(
            LoanPaidOut(
                loanID: loan, borrower: borrower, amount: amount, reference: "R-\(loan)",
                occurredAt: date.addingTimeInterval(0.01)))
        try await publisher.publish(
            LoanCanceled(
                loanID: loan, borrower: borrower, amount: amount, reason: "",
                occurredAt: date.addingTimeInterval(0.02)))
    }
}
