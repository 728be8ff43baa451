/// A method we send.
enum OutboundMethod: Sendable {
    case connectionStartOK(properties: FieldTable, mechanism: String, response: [UInt8])
    case connectionTuneOK(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16)
    case connectionOpen(virtualHost: String)
    case connectionClose(ClosePayload)
    case connectionCloseOK
    case channelOpen
    case channelFlowOK(active: Bool)
    case channelClose(ClosePayload)
    case channelCloseOK
    case exchangeDeclare(ExchangeDeclaration)
    case exchangeDelete(name: String, ifUnused: Bool)
    case exchangeBind(Binding)
    case exchangeUnbind(Binding)
    case queueDeclare(QueueDeclaration)
    case queueBind(Binding)
    case queueUnbind(Binding)
    case queuePurge(String)
    case queueDelete(name: String, ifUnused: Bool, ifEmpty: Bool)
    case basicQos(prefetch: UInt16)
    case basicConsume(queue: String, tag: String, exclusive: Bool, arguments: FieldTable)
    case basicCancel(tag: String)
    case basicPublish(exchange: String, routingKey: String, mandatory: Bool)
    case basicGet(queue: String)
    case basicAck(tag: UInt64, multiple: Bool)
    case basicNack(tag: UInt64, requeue: Bool)
    case basicReject(tag: UInt64, requeue: Bool)
    case confirmSelect
}

/// Why a connection or channel is closed.
struct ClosePayload: Sendable, Hashable {
    var code: UInt16
    var text: String
    var classID: UInt16 = 0
    var methodID: UInt16 = 0
}

struct ExchangeDeclaration: Sendable {
    var name: String
    var type: String
    var durable: Bool
    var autoDelete: Bool
    var `internal`: Bool
    var arguments: FieldTable
}

struct QueueDeclaration: Sendable {
    var name: String
    var passive: Bool
    var durable: Bool
    var exclusive: Bool
    var autoDelete: Bool
    var arguments: FieldTable
}

/// A binding of a queue or exchange to a source exchange.
struct Binding: Sendable {
    var destination: String
    var source: String
    var routingKey: String
    var arguments: FieldTable
}

extension OutboundMethod {
    /// The short strings of the method, by their names in the specification; but for those of basic.publish.
    var shortStrings: [(name: String, value: String)] {
        switch self {
        case .connectionOpen(let virtualHost): [("virtual host", virtualHost)]
        case .connectionClose(let payload), .channelClose(let payload): [("reply text", payload.text)]
        case .exchangeDeclare(let declaration): [("exchange", declaration.name), ("type", declaration.type)]
        case .exchangeDelete(let name, _): [("exchange", name)]
        case .exchangeBind(let binding), .exchangeUnbind(let binding), .queueBind(let binding),
            .queueUnbind(let binding):
            [
                ("destination", binding.destination), ("source", binding.source),
                ("routing key", binding.routingKey),
            ]
        case .queueDeclare(let declaration): [("queue", declaration.name)]
        case .queuePurge(let name), .queueDelete(let name, _, _), .basicGet(let name): [("queue", name)]
        case .basicConsume(let queue, let tag, _, _): [("queue", queue), ("consumer tag", tag)]
        case .basicCancel(let tag): [("consumer tag", tag)]
        case .connectionStartOK(_, let mechanism, _): [("mechanism", mechanism)]
        default: []
        }
    }

    /// The table of the method, if it has one.
    var table: FieldTable? {
        switch self {
        case .connectionStartOK(let properties, _, _): properties
        case .exchangeDeclare(let declaration): declaration.arguments
        case .queueDeclare(let declaration): declaration.arguments
        case .exchangeBind(let binding), .exchangeUnbind(let binding), .queueBind(let binding),
            .queueUnbind(let binding):
            binding.arguments
        case .basicConsume(_, _, _, let arguments): arguments
        default: nil
        }
    }
}
