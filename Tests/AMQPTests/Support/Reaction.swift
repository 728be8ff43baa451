@testable import AMQP

/// A method that a scripted broker received.
struct ReceivedCall: Sendable {
    var method: ScriptedBroker.Method
    var arguments: [UInt8]
    /// Which of the broker's connections it came on, from 0.
    var connection: Int
    /// For basic.publish: its number on the channel, from 1; 0 without confirms.
    var publishNumber: UInt64 = 0

    var channel: UInt16 { method.channel }

    /// The consumer tag of basic.consume.
    var consumerTag: String {
        var rest = arguments.dropFirst(2)
        rest = rest.dropFirst(Int(rest.first ?? 0) + 1)
        return String(decoding: rest.dropFirst().prefix(Int(rest.first ?? 0)), as: UTF8.self)
    }

    /// The exchange of basic.publish.
    var exchange: String {
        let rest = arguments.dropFirst(2)
        return String(decoding: rest.dropFirst().prefix(Int(rest.first ?? 0)), as: UTF8.self)
    }

    /// The reply code of connection.close and channel.close.
    var replyCode: UInt16 { arguments.prefix(2).reduce(0) { $0 << 8 | UInt16($1) } }
}

/// What a scripted broker does with a method.
enum Reaction: Sendable {
    case send([UInt8])
    /// One byte per write.
    case drip([UInt8])
    /// Sends, then closes the socket.
    case sendAndHangUp([UInt8])
    /// Sends the same bytes so many times, as fast as they are taken.
    case flood([UInt8], times: Int)
    /// The same, and reads nothing more.
    case floodWithoutReading([UInt8], times: Int)

    /// Sends something once, then floods.
    case floodAfter([UInt8], [UInt8], times: Int)
    /// Deliveries on channel 1, with tags that count up.
    case floodOfDeliveries(count: Int, tag: String, body: [UInt8])

    static let nothing = Reaction.send([])

    typealias Script = @Sendable (ReceivedCall) -> Reaction

    /// A broker that does everything right, as far as a scripted one can; it asks for no heartbeats.
    static let wellBehaved: Script = { .send(answer(to: $0)) }

    private static func answer(to call: ReceivedCall) -> [UInt8] {
        func method(_ classID: UInt16, _ methodID: UInt16, _ arguments: [UInt8] = []) -> [UInt8] {
            BrokerBytes.method(call.channel, classID, methodID, arguments)
        }
        return switch (call.method.classID, call.method.methodID) {
        case (10, 11): BrokerBytes.tune(heartbeat: 0)
        case (50, 30): method(50, 31, BrokerBytes.bytes(UInt32(0)))
        case (60, 10): method(60, 11)
        case (60, 20): method(60, 21, BrokerBytes.short(call.consumerTag))
        case (60, 30): method(60, 31, Array(call.arguments.dropLast()))
        case (60, 40) where call.publishNumber > 0: BrokerBytes.ack(call.channel, call.publishNumber)
        default: ScriptedBroker.wellBehaved(call.method)
        }
    }

    /// A broker that does everything right up to one method, and then something else.
    static func wellBehaved(until step: Step, then reaction: @escaping Script) -> Script {
        { call in step.rawValue == [call.method.classID, call.method.methodID] ? reaction(call) : wellBehaved(call) }
    }

    /// Where a script may leave the right path.
    enum Step: Sendable {
        case greeting, startOK, open, openChannel, purge, publish, closeConnection, closeChannel

        var rawValue: [UInt16] {
            switch self {
            case .greeting: [0, 0]
            case .startOK: [10, 11]
            case .open: [10, 40]
            case .openChannel: [20, 10]
            case .purge: [50, 30]
            case .publish: [60, 40]
            case .closeConnection: [10, 50]
            case .closeChannel: [20, 40]
            }
        }
    }
}
