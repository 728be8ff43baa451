import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A consumer without a worker: keeps what it is given, and settles what the scenario says.
struct Receiver<Endpoint: TransportEndpoint>: Sendable {
    struct Arrival: Sendable {
        let delivery: TransportDelivery
        /// The clock's uptime when it came.
        let time: Duration

        var envelope: Envelope? { try? delivery.content.get() }
        var number: Int? { try? envelope?.decode(Opened.self).number }
    }

    let endpoint: Endpoint
    let arrivals = Observed<[Arrival]>([])
    let hasEnded = Observed(false)

    var count: Int { arrivals.value.count }
    var numbers: [Int] { arrivals.value.compactMap(\.number) }
    var ids: [EventID] { arrivals.value.compactMap(\.envelope?.id) }

    func acknowledge(_ arrivals: some Sequence<Arrival>) {
        for arrival in arrivals { endpoint.acknowledge(arrival.delivery) }
    }
}

extension ConformanceBench {
    typealias Inbox = Receiver<Subject.Subject.Endpoint>

    /// Opens an endpoint for the time of the body, then stops and closes it.
    func receiving<Result: Sendable>(
        as service: ServiceName? = nil, on transport: Subject.Subject? = nil,
        subscribes: [EventType] = [Opened.eventType], prefetch: Int = 20,
        _ body: (Inbox) async throws -> Result
    ) async throws -> Result {
        let description = EndpointDescription(
            service: service ?? self.service, subscribes: subscribes, prefetch: prefetch)
        let inbox = Inbox(endpoint: try await (transport ?? self.transport).open(description))
        let clock = subject.clock
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await delivery in inbox.endpoint.deliveries {
                    let arrival = Inbox.Arrival(delivery: delivery, time: clock.uptime())
                    inbox.arrivals.update { $0.append(arrival) }
                }
                inbox.hasEnded.update { $0 = true }
            }
            defer { group.cancelAll() }
            let result: Result
            do {
                result = try await body(inbox)
            } catch {
                await inbox.endpoint.stop()
                await inbox.endpoint.close()
                throw error
            }
            await inbox.endpoint.stop()
            await inbox.endpoint.close()
            return result
        }
    }

    /// Waits until so many have come; returns all that came.
    @discardableResult
    func arrivals(_ count: Int, at inbox: Inbox, elapsing: Bool = false) async throws -> [Inbox.Arrival] {
        try await eventually("\(count) deliveries, found \(inbox.count)", elapsing: elapsing) { inbox.count >= count }
        return inbox.arrivals.value
    }

    /// What a worker would write about a failure.
    func record(
        attempts: Int, unhandledCount: Int = 0, handler: String? = "Handler", message: String = "refused"
    ) -> FailureRecord {
        let now = subject.clock.now()
        return FailureRecord(
            attempts: attempts, unhandledCount: unhandledCount, handler: handler, errorType: "NotYet",
            errorMessage: message, fingerprint: "0123456789abcdef", failedAt: now,
            firstFailedAt: now.addingTimeInterval(-60))
    }
}
