public import Harebell

/// The receiving end of a service on an ``InMemoryTransport``.
public struct InMemoryEndpoint: TransportEndpoint {
    let transport: InMemoryTransport
    let service: ServiceName
    let epoch: UInt64
    /// What the queue hands out, within the prefetch.
    public let deliveries: AsyncStream<TransportDelivery>

    /// Whether the message is still out with this consumer.
    public func isCurrent(_ delivery: TransportDelivery) -> Bool {
        transport.broker.value.holds(delivery, of: service)
    }

    /// Takes the message off the queue.
    public func acknowledge(_ delivery: TransportDelivery) {
        transport.broker.update { broker in
            guard let message = broker.take(delivery, of: service) else { return }
            if case .success(let envelope) = message.content { broker.queues[service]?.handled.append(envelope) }
            broker.note(.acknowledged(message.id), of: service)
        }
    }

    /// Puts the message back where it was.
    public func release(_ delivery: TransportDelivery) {
        transport.broker.update { broker in
            guard let message = broker.take(delivery, of: service) else { return }
            broker.requeue(message, to: service)
            broker.note(.released(message.id), of: service)
        }
    }

    /// Keeps a copy until the clock has reached its time.
    public func retry(_ delivery: TransportDelivery, after delay: Duration, record: FailureRecord) async throws {
        try await transport.attempt(.retry, try? delivery.content.get())
        let due = transport.clock.uptime + delay
        let isStored = transport.broker.update { broker in
            guard var message = broker.take(delivery, of: service) else { return false }
            message.attempts = record.attempts
            message.unhandledCount = record.unhandledCount
            message.firstFailedAt = record.firstFailedAt
            message.deliveryCount = 0
            broker.delay(message, until: due, of: service)
            broker.note(.retried(message.id, after: delay, record), of: service)
            return true
        }
        guard isStored else { return }
        transport.clock.schedule(at: due) { [transport, service] in
            transport.broker.update { $0.releaseDue(of: service, at: due) }
        }
    }

    /// Puts the message aside.
    public func deadLetter(
        _ delivery: TransportDelivery, reason: DeadLetterReason, record: FailureRecord
    ) async throws {
        try await transport.attempt(.deadLetter, try? delivery.content.get())
        transport.broker.update { broker in
            guard let message = broker.take(delivery, of: service) else { return }
            broker.queues[service]?.dead.append(
                InMemoryTransport.DeadLetter(
                    content: message.content, reason: reason, record: record, replayCount: message.replayCount))
            broker.note(.deadLettered(message.id, reason, record), of: service)
        }
    }

    /// Hands out so many, one more, or nothing.
    public func take(_ taking: Taking) async -> Int {
        transport.broker.update { $0.take(taking, service, epoch: epoch) }
    }

    /// Hands out nothing more.
    public func stop() async {
        transport.broker.update { $0.stop(service, epoch: epoch) }
    }

    /// Puts back what is unsettled, as a broker does when a channel closes.
    public func close() async {
        transport.broker.update { $0.close(service, epoch: epoch) }
    }
}
