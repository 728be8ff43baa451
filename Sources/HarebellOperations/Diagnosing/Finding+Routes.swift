import Harebell
public import HarebellRabbitMQ

extension Finding {
    /// What is missing between the exchanges and the queues that services have, whoever they are.
    ///
    /// Which events a service subscribes to, only its worker and `harebell topology verify` know. A service without its
    /// work queue, or with one that is bound to no event, misses what others get; because of the rest nothing is lost.
    public static func missingRoutes(in observed: ObservedTopology) -> [Finding] {
        var found: [Finding] = []
        let queues = observed.queues.keys.sorted()
        let services = ServiceQueues.all(among: queues).filter { $0.parts(in: observed) > 1 }
        for service in services {
            let advice =
                "restart a worker of '\(service.service)', which makes it again, or "
                + "'harebell topology apply --service \(service.service)'"
            guard observed.exchanges[service.exchange] != nil else {
                found.append(
                    Finding(
                        severity: .warning, subject: service.exchange,
                        problem:
                            "the service's exchange is missing: neither a retry nor a dead letter can be stored, and "
                            + "the first failure makes the service stand still",
                        advice: advice))
                continue
            }
            for queue in [service.work, service.due, service.dead] where observed.queues[queue] == nil {
                found.append(
                    Finding(
                        severity: queue == service.work ? .failed : .warning, subject: queue,
                        problem: "the queue is missing: "
                            + (queue == service.work
                                ? "events pass the service by, without a trace where others get them"
                                : consequence(of: queue, in: service)),
                        advice: advice))
            }
            for queue in queues {
                guard let key = service.key(of: queue),
                    !observed.bindings.contains(.init(exchange: service.exchange, queue: queue, routingKey: key))
                else { continue }
                found.append(
                    Finding(
                        severity: .warning, subject: queue,
                        problem: "no binding from exchange '\(service.exchange)' with key '\(key)': "
                            + consequence(of: queue, in: service),
                        advice: advice))
            }
            if observed.queues[service.work] != nil,
                !observed.bindings.contains(where: { $0.queue == service.work && $0.exchange != service.exchange })
            {
                found.append(
                    Finding(
                        severity: .failed, subject: service.work,
                        problem:
                            "it is bound to no event: events pass the service by, without a trace where others get "
                            + "them", advice: advice))
            }
        }
        let unrouted = Topology.unroutedName
        if observed.exchanges[unrouted] == nil, !services.isEmpty {
            found.append(
                Finding(
                    severity: .warning, subject: unrouted,
                    problem: "the exchange is missing: an event that nobody subscribes to is refused",
                    advice: "'harebell topology apply' makes it again"))
        }
        if observed.exchanges[unrouted] != nil,
            !observed.bindings.contains(.init(exchange: unrouted, queue: unrouted))
        {
            found.append(
                Finding(
                    severity: .warning, subject: unrouted,
                    problem: "its exchange leads to no queue: an event that nobody subscribes to is refused",
                    advice: "'harebell topology apply' makes the binding again"))
        }
        return found
    }

    private static func consequence(of queue: String, in service: ServiceQueues) -> String {
        switch queue {
        case service.work: "what is meant for this service alone does not reach it"
        case service.due: "retries whose time has come stay where they are"
        case service.dead: "a dead letter cannot be stored, and the service stands still"
        default: "a failed message that has to wait cannot be stored, and the service stands still"
        }
    }
}
