import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message at rest in the in-memory broker.
struct Message: Sendable {
    var content: Result<Envelope, MalformedMessage>
    /// The place in its queue: a message that is handed back returns to it.
    var position = 0
    /// Whether it has waited, for a retry or in the dead letters: then it comes before the rest of the queue.
    var isDue = false
    var attempts = 0
    var unhandledCount = 0
    var deliveryCount = 0
    var firstFailedAt: Date?
    var replayCount = 0

    init(_ content: Result<Envelope, MalformedMessage>) {
        self.content = content
    }

    func comesBefore(_ other: Message) -> Bool {
        isDue == other.isDue ? position < other.position : isDue
    }

    var id: EventID? {
        switch content {
        case .success(let envelope): envelope.id
        case .failure(let malformed): malformed.id.map { EventID($0) }
        }
    }
}

/// The state of the in-memory broker, as a value: every change is one step under its owner's lock.
struct Broker: Sendable {
    struct Fault: Sendable {
        var remaining: Int
        let error: any Error
    }

    struct Consumer: Sendable {
        let epoch: UInt64
        var taking: Taking
        let deliveries: AsyncStream<TransportDelivery>.Continuation
        var isStopped = false
        var handedOut = 0
        var unsettled: [UInt64: Message] = [:]

        var hasRoom: Bool {
            switch taking {
            case _ where isStopped: false
            case .many(let prefetch): unsettled.count < prefetch
            case .one: true
            case .nothing: false
            }
        }
    }

    struct Queue: Sendable {
        var bindings: Set<EventType> = []
        var ready: [Message] = []
        var consumers: [Consumer] = []
        var delayed: [(due: Duration, message: Message)] = []
        var dead: [InMemoryTransport.DeadLetter] = []
        var handled: [Envelope] = []
        var settlements: [InMemoryTransport.Settlement] = []
    }

    var queues: [ServiceName: Queue] = [:]
    var published: [Envelope] = []
    var unrouted: [Envelope] = []
    var faults: [InMemoryTransport.Operation: Fault] = [:]
    var hooks: [InMemoryTransport.Operation: @Sendable (Envelope?) async throws -> Void] = [:]
    var calls: [InMemoryTransport.Operation: Int] = [:]
    private var positions = 0
    private var tags: UInt64 = 0

    // MARK: Operations

    /// Counts a call and says whether it fails.
    mutating func call(_ operation: InMemoryTransport.Operation) -> (any Error)? {
        calls[operation, default: 0] += 1
        guard var fault = faults[operation], fault.remaining > 0 else { return nil }
        fault.remaining -= 1
        faults[operation] = fault
        return fault.error
    }

    mutating func publish(_ envelope: Envelope) {
        published.append(envelope)
        let bound = queues.filter { $0.value.bindings.contains(envelope.type) }.keys
        if bound.isEmpty { unrouted.append(envelope) }
        for service in bound { enqueue(Message(.success(envelope)), to: service) }
    }

    mutating func enqueue(_ message: Message, to service: ServiceName) {
        positions += 1
        var message = message
        message.position = positions
        put(message, into: service)
        pump(service)
    }

    private mutating func put(_ message: Message, into service: ServiceName) {
        let ready = queues[service]?.ready ?? []
        // Most come to the end.
        let before = ready.lastIndex { $0.comesBefore(message) }
        queues[service, default: Queue()].ready.insert(message, at: before.map { $0 + 1 } ?? 0)
    }

    mutating func open(
        _ description: EndpointDescription, _ deliveries: AsyncStream<TransportDelivery>.Continuation
    ) -> UInt64 {
        tags += 1
        let consumer = Consumer(epoch: tags, taking: .many(prefetch: description.prefetch), deliveries: deliveries)
        queues[description.service, default: Queue()].bindings.formUnion(description.subscribes)
        queues[description.service]?.consumers.append(consumer)
        pump(description.service)
        return consumer.epoch
    }

    mutating func take(_ taking: Taking, _ service: ServiceName, epoch: UInt64) -> Int {
        guard let index = queues[service]?.consumers.firstIndex(where: { $0.epoch == epoch }) else { return 0 }
        let handedOut = queues[service]?.consumers[index].handedOut ?? 0
        queues[service]?.consumers[index].taking = taking
        pump(service)
        return handedOut
    }

    mutating func stop(_ service: ServiceName, epoch: UInt64) {
        guard let index = queues[service]?.consumers.firstIndex(where: { $0.epoch == epoch }) else { return }
        queues[service]?.consumers[index].isStopped = true
        queues[service]?.consumers[index].deliveries.finish()
    }

    mutating func close(_ service: ServiceName, epoch: UInt64) {
        stop(service, epoch: epoch)
        guard let index = queues[service]?.consumers.firstIndex(where: { $0.epoch == epoch }),
            let consumer = queues[service]?.consumers.remove(at: index)
        else { return }
        for message in consumer.unsettled.values { requeue(message, to: service) }
        pump(service)
    }

    /// Every client loses its connection and has a new one: what was in its hands is delivered again.
    mutating func loseConnections() {
        for service in queues.keys {
            for index in queues[service]?.consumers.indices ?? 0..<0 {
                let unsettled = queues[service]?.consumers[index].unsettled ?? [:]
                queues[service]?.consumers[index].unsettled = [:]
                for message in unsettled.values { requeue(message, to: service) }
            }
            pump(service)
        }
    }

    mutating func breakDeliveries(of service: ServiceName) {
        for consumer in queues[service]?.consumers ?? [] { stop(service, epoch: consumer.epoch) }
    }

    // MARK: Settling

    /// Takes a delivery off its consumer; `nil` if it is settled already or its consumer is gone.
    mutating func take(_ delivery: TransportDelivery, of service: ServiceName) -> Message? {
        guard let index = queues[service]?.consumers.firstIndex(where: { $0.epoch == delivery.receipt.epoch })
        else { return nil }
        return queues[service]?.consumers[index].unsettled.removeValue(forKey: delivery.receipt.tag)
    }

    func holds(_ delivery: TransportDelivery, of service: ServiceName) -> Bool {
        queues[service]?.consumers.contains {
            $0.epoch == delivery.receipt.epoch && $0.unsettled[delivery.receipt.tag] != nil
        } ?? false
    }

    mutating func note(_ settlement: InMemoryTransport.Settlement, of service: ServiceName) {
        queues[service]?.settlements.append(settlement)
        pump(service)
    }

    /// Puts a message back where it was.
    mutating func requeue(_ message: Message, to service: ServiceName) {
        var message = message
        message.deliveryCount += 1
        put(message, into: service)
    }

    mutating func delay(_ message: Message, until due: Duration, of service: ServiceName) {
        queues[service]?.delayed.append((due, message))
    }

    mutating func releaseDue(of service: ServiceName, at uptime: Duration) {
        let due = (queues[service]?.delayed ?? []).filter { $0.due <= uptime }.sorted { $0.due < $1.due }
        queues[service]?.delayed.removeAll { $0.due <= uptime }
        for (_, message) in due { enqueueDue(message, to: service) }
    }

    mutating func replay(_ letter: InMemoryTransport.DeadLetter, to service: ServiceName) {
        guard
            let index = queues[service]?.dead.firstIndex(where: {
                $0.record == letter.record && $0.content == letter.content
            })
        else { return }
        queues[service]?.dead.remove(at: index)
        var message = Message(letter.content)
        message.firstFailedAt = letter.record.firstFailedAt
        message.replayCount = letter.replayCount + 1
        enqueueDue(message, to: service)
    }

    private mutating func enqueueDue(_ message: Message, to service: ServiceName) {
        var message = message
        message.isDue = true
        enqueue(message, to: service)
    }

    // MARK: Looking

    func depth(of service: ServiceName) -> InMemoryTransport.Depth {
        guard let queue = queues[service] else { return InMemoryTransport.Depth() }
        return InMemoryTransport.Depth(
            ready: queue.ready.count, unsettled: queue.consumers.reduce(0) { $0 + $1.unsettled.count },
            delayed: queue.delayed.count, dead: queue.dead.count)
    }

    func nextDue(of service: ServiceName) -> Duration? { queues[service]?.delayed.map(\.due).min() }

    // MARK: Delivering

    /// Hands ready messages to consumers that have room, the least loaded first.
    private mutating func pump(_ service: ServiceName) {
        guard var queue = queues[service] else { return }
        var taken = 0
        while taken < queue.ready.count {
            let open = queue.consumers.indices.filter { queue.consumers[$0].hasRoom }
            guard
                let chosen = open.min(by: { queue.consumers[$0].unsettled.count < queue.consumers[$1].unsettled.count })
            else { break }
            let message = queue.ready[taken]
            taken += 1
            tags += 1
            queue.consumers[chosen].unsettled[tags] = message
            queue.consumers[chosen].handedOut += 1
            let isOne = queue.consumers[chosen].taking == .one
            if isOne { queue.consumers[chosen].taking = .nothing }
            queue.consumers[chosen].deliveries.yield(
                TransportDelivery(
                    receipt: DeliveryReceipt(epoch: queue.consumers[chosen].epoch, tag: tags),
                    content: message.content, attempts: message.attempts, unhandledCount: message.unhandledCount,
                    deliveryCount: message.deliveryCount, isRedelivered: message.deliveryCount > 0,
                    firstFailedAt: message.firstFailedAt, replayCount: message.replayCount,
                    size: (try? message.content.get().body.count) ?? 0, comesAlone: isOne))
        }
        queue.ready.removeFirst(taken)
        queues[service] = queue
    }
}
