import AMQP
import Harebell

/// What is remembered of a delivery until it is settled; shared, for it is large.
final class Unsettled: Sendable {
    let delivery: Delivery
    /// The queue that it came from.
    let queue: String
    /// The event, or why it is none.
    let content: Result<Envelope, MalformedMessage>
    let retry: RetryState
    /// How often the broker delivered it before.
    let deliveryCount: Int

    init(
        delivery: Delivery, queue: String, content: Result<Envelope, MalformedMessage>, retry: RetryState,
        deliveryCount: Int
    ) {
        self.delivery = delivery
        self.queue = queue
        self.content = content
        self.retry = retry
        self.deliveryCount = deliveryCount
    }

    /// Decoded again each time: only copies need them.
    var properties: BasicProperties? { try? delivery.properties() }
}

/// Reads a service's deliveries, for one task: what many messages have in common is made once.
struct MessageReader {
    /// The service's own exchange, whose messages carry what became of them before.
    let exchange: String
    private let reader = PropertiesReader()
    private var names = NameCache.Names()

    init(exchange: String) {
        self.exchange = exchange
    }

    mutating func read(_ delivery: Delivery, from queue: String) -> Unsettled {
        let isOwn = delivery.exchange == exchange
        if !isOwn, let event = plainEvent(delivery) {
            return Unsettled(
                delivery: delivery, queue: queue, content: .success(event.envelope),
                retry: RetryState(properties: nil, exchange: delivery.exchange, isOwn: false),
                deliveryCount: delivery.isRedelivered ? event.deliveryCount : 0)
        }
        let properties = try? delivery.properties()
        return Unsettled(
            delivery: delivery, queue: queue, content: content(of: delivery, properties, isOwn: isOwn),
            retry: RetryState(properties: properties, exchange: delivery.exchange, isOwn: isOwn),
            deliveryCount: Self.deliveryCount(of: delivery, properties))
    }

    /// How often the broker has delivered it before, believed only of what comes again: RabbitMQ 4 leaves a publisher's own
    /// `x-delivery-count` on a first delivery.
    private static func deliveryCount(of delivery: Delivery, _ properties: BasicProperties?) -> Int {
        guard delivery.isRedelivered else { return 0 }
        return properties?.headers["x-delivery-count"]?.integerValue.map { Int(clamping: $0) } ?? 0
    }

    private mutating func plainEvent(_ delivery: Delivery) -> PlainEvent? {
        guard !delivery.isTruncated else { return nil }
        var event: PlainEvent?
        _ = reader.read(delivery) { event = PlainEvent($0, body: delivery.body, names: &names) }
        return event
    }

    private func content(
        of delivery: Delivery, _ properties: BasicProperties?, isOwn: Bool
    ) -> Result<Envelope, MalformedMessage> {
        if delivery.isTruncated {
            return .failure(MalformedMessage(message: "the body exceeds the size limit", id: properties?.messageID))
        }
        guard let properties else {
            return .failure(MalformedMessage(message: "its properties cannot be decoded", id: nil))
        }
        let message = ReceivedMessage(
            exchange: delivery.exchange, properties: properties, body: delivery.body, isOwn: isOwn)
        return Result { () throws(MalformedMessage) in try message.envelope() }
    }
}
