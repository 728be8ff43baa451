/// A method the broker may send, its strings copied out of the network's memory.
enum InboundMethod: Sendable {
    case connectionStart(major: UInt8, minor: UInt8, properties: FieldTable, mechanisms: String)
    case connectionSecure
    case connectionTune(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16)
    case connectionOpenOK
    case connectionClose(ClosePayload)
    case connectionCloseOK
    case connectionBlocked(reason: String)
    case connectionUnblocked
    case channelFlow(active: Bool)
    case channelClose(ClosePayload)
    case channelCloseOK
    case basicDeliver(DeliveryInfo)
    case basicGetOK(DeliveryInfo, messageCount: UInt32)
    case basicReturn(ReturnInfo)
    case basicAck(tag: UInt64, multiple: Bool)
    case basicNack(tag: UInt64, multiple: Bool)
    case basicCancel(tag: String)
    /// An answer to one of our methods, in the order in which we sent them.
    case reply(Reply, ReplyKind)
}

/// What the broker says about a message it delivers.
struct DeliveryInfo: Sendable {
    var route: DeliveryRoute
    var deliveryTag: UInt64
    var isRedelivered: Bool

    var consumerTag: String { route.consumerTag }
    var exchange: String { route.exchange }
    var routingKey: String { route.routingKey }
}

/// The names on a delivery; one object for all deliveries on the same way.
final class DeliveryRoute: Sendable {
    let consumerTag: String
    let exchange: String
    let routingKey: String

    init(consumerTag: String, exchange: String, routingKey: String) {
        self.consumerTag = consumerTag
        self.exchange = exchange
        self.routingKey = routingKey
    }
}

/// What the broker says about a message that it gives back.
struct ReturnInfo: Sendable {
    var code: UInt16
    var text: String
    var exchange: String
    var routingKey: String

    /// The broker's words, and what they are about.
    var explanation: String {
        let what = code == 313 ? "no consumer is ready for" : "no queue takes"
        let words = BrokerReply.withoutBytes(text)
        let key = BrokerReply.printable(routingKey)
        if exchange.isEmpty, code == 312 { return "\(words) - there is no queue \"\(key)\" for the default exchange" }
        return
            "\(words) - \(what) messages of exchange \"\(BrokerReply.printable(exchange))\" with routing key \"\(key)\""
    }
}

/// What a method is answered with.
enum ReplyKind: String, Sendable {
    case channelOpenOK = "channel.open-ok"
    case exchangeDeclareOK = "exchange.declare-ok"
    case exchangeDeleteOK = "exchange.delete-ok"
    case exchangeBindOK = "exchange.bind-ok"
    case exchangeUnbindOK = "exchange.unbind-ok"
    case queueDeclareOK = "queue.declare-ok"
    case queueBindOK = "queue.bind-ok"
    case queueUnbindOK = "queue.unbind-ok"
    case queuePurgeOK = "queue.purge-ok"
    case queueDeleteOK = "queue.delete-ok"
    case basicQosOK = "basic.qos-ok"
    case basicConsumeOK = "basic.consume-ok"
    case basicCancelOK = "basic.cancel-ok"
    case basicGet = "basic.get-ok"
    case confirmSelectOK = "confirm.select-ok"
}

/// The contents of an answer.
enum Reply: Sendable {
    case done
    case queue(QueueState)
    case count(UInt32)
    case tag(String)
    /// A message of basic.get, or none.
    case message(ReceivedMessage?)
}
