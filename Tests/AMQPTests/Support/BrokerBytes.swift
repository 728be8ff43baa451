import NIOCore

@testable import AMQP

/// Frames as a broker writes them, encoded by hand so that our codec is checked against something else.
struct BrokerBytes {
    var buffer = ByteBuffer()

    static func frame(_ kind: UInt8, _ channel: UInt16, _ payload: [UInt8]) -> [UInt8] {
        [kind] + bytes(channel) + bytes(UInt32(payload.count)) + payload + [0xCE]
    }

    static func method(_ channel: UInt16, _ classID: UInt16, _ methodID: UInt16, _ arguments: [UInt8] = []) -> [UInt8] {
        frame(1, channel, bytes(classID) + bytes(methodID) + arguments)
    }

    static func bytes<I: FixedWidthInteger>(_ value: I) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    static func short(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count)] + text.utf8
    }

    static func long(_ text: String) -> [UInt8] {
        bytes(UInt32(text.utf8.count)) + text.utf8
    }

    static let emptyTable = bytes(UInt32(0))

    /// A whole table, length included, of what 3.10.8 says about itself, cut short.
    static var serverProperties: [UInt8] {
        let properties = short("version") + Array("S".utf8) + long("3.10.8")
        return bytes(UInt32(properties.count)) + properties
    }

    static func start(
        mechanisms: String = "PLAIN AMQPLAIN", major: UInt8 = 0, minor: UInt8 = 9,
        properties: [UInt8] = serverProperties
    ) -> [UInt8] {
        method(0, 10, 10, [major, minor] + properties + long(mechanisms) + long("en_US"))
    }

    static func tune(channelMax: UInt16 = 2047, frameMax: UInt32 = 131_072, heartbeat: UInt16 = 60) -> [UInt8] {
        method(0, 10, 30, bytes(channelMax) + bytes(frameMax) + bytes(heartbeat))
    }

    static let openOK = method(0, 10, 41, short(""))

    static func close(_ code: UInt16, _ text: String, on channel: UInt16 = 0) -> [UInt8] {
        let payload = bytes(code) + short(text) + bytes(UInt16(60)) + bytes(UInt16(40))
        return channel == 0 ? method(0, 10, 50, payload) : method(channel, 20, 40, payload)
    }

    static func channelOpenOK(_ channel: UInt16) -> [UInt8] { method(channel, 20, 11, long("")) }
    static func channelCloseOK(_ channel: UInt16) -> [UInt8] { method(channel, 20, 41) }
    static func confirmSelectOK(_ channel: UInt16) -> [UInt8] { method(channel, 85, 11) }

    static func ack(_ channel: UInt16, _ tag: UInt64, multiple: Bool = false) -> [UInt8] {
        method(channel, 60, 80, bytes(tag) + [multiple ? 1 : 0])
    }

    static func nack(_ channel: UInt16, _ tag: UInt64, multiple: Bool = false) -> [UInt8] {
        method(channel, 60, 120, bytes(tag) + [multiple ? 1 : 0])
    }

    static func deliver(
        _ channel: UInt16, tag: String, _ deliveryTag: UInt64, properties: [UInt8] = [0, 0], body: [UInt8]
    ) -> [UInt8] {
        deliverMethod(channel, tag: tag, deliveryTag)
            + header(channel, size: UInt64(body.count), properties: properties)
            + (body.isEmpty ? [] : frame(3, channel, body))
    }

    /// basic.deliver without the content that has to follow.
    static func deliverMethod(_ channel: UInt16, tag: String, _ deliveryTag: UInt64) -> [UInt8] {
        method(channel, 60, 60, short(tag) + bytes(deliveryTag) + [0] + short("exchange") + short("key"))
    }

    static func blocked(_ reason: String) -> [UInt8] { method(0, 10, 60, short(reason)) }
    static let unblocked = method(0, 10, 61)
    static let heartbeat = frame(8, 0, [])

    static func header(
        _ channel: UInt16, size: UInt64, properties: [UInt8] = [0, 0], classID: UInt16 = 60
    ) -> [UInt8] {
        frame(2, channel, bytes(classID) + bytes(UInt16(0)) + bytes(size) + properties)
    }

    static func returned(
        _ channel: UInt16, exchange: String, key: String, messageID: String?, body: [UInt8]
    ) -> [UInt8] {
        let properties = messageID.map { bytes(UInt16(1 << 7)) + short($0) } ?? [0, 0]
        return method(channel, 60, 50, bytes(UInt16(312)) + short("NO_ROUTE") + short(exchange) + short(key))
            + header(channel, size: UInt64(body.count), properties: properties)
            + (body.isEmpty ? [] : frame(3, channel, body))
    }
}
