import Testing

@testable import AMQP

/// What a broker does after the login instead of answering a purge, and what we say about it.
///
/// At that moment there is one channel, 1, with confirms and one publish that waits for its confirm, and one consumer
/// with a prefetch of 10.
struct PeerLie: Sendable, CustomTestStringConvertible {
    typealias Bytes = BrokerBytes

    let name: String
    /// The bytes, given the consumer's tag.
    let bytes: @Sendable (String) -> [UInt8]
    let code: AMQPError.Code
    /// The reply code that the broker is told, and finds in the error.
    let replyCode: UInt16?
    let words: [String]
    var hangsUp = false

    var testDescription: String { name }

    private init(
        _ name: String, _ replyCode: UInt16?, _ words: String..., bytes: @escaping @Sendable (String) -> [UInt8]
    ) {
        self.name = name
        self.bytes = bytes
        self.replyCode = replyCode
        self.words = words
        code = .protocolViolation
    }

    private init(going name: String, _ replyCode: UInt16?, _ word: String, _ bytes: [UInt8]) {
        self.name = name
        self.bytes = { _ in bytes }
        self.replyCode = replyCode
        words = [word]
        code = .connectionClosed
        hangsUp = true
    }

    static let all = frames + lengths + contents + methods + confirms + deliveries + endings

    static let frames: [PeerLie] = [
        PeerLie("a wrong end byte", 501, "method frame", "channel 1", "ends with 205") { _ in
            Array(Bytes.method(1, 50, 31, [0, 0, 0, 0]).dropLast()) + [0xCD]
        },
        PeerLie("a frame of kind 0", 501, "unknown kind 0") { _ in [0] },
        PeerLie("a frame of kind 4", 501, "unknown kind 4") { _ in [4] },
        PeerLie("a frame of kind 255", 501, "unknown kind 255") { _ in [255] },
        PeerLie("another greeting", 501, "unknown kind 65") { _ in Array("AMQP".utf8) + [0, 0, 9, 1] },
        PeerLie("a heartbeat on channel 1", 501, "heartbeat", "channel 1") { _ in Bytes.frame(8, 1, []) },
        PeerLie("a heartbeat with a payload", 501, "heartbeat of 3 bytes") { _ in Bytes.frame(8, 0, [1, 2, 3]) },
        PeerLie("a channel above the negotiated", 504, "channel 2048", "negotiated 2047") { _ in
            Bytes.method(2048, 20, 11)
        },
        PeerLie("a channel that is not open", 504, "channel 7, which is not open") { _ in
            Bytes.ack(7, 1)
        },
        PeerLie("content on a channel that is not open", 504, "channel 9, which is not open") { _ in
            Bytes.header(9, size: 1)
        },
    ]

    static let lengths: [PeerLie] =
        [
            PeerLie("a method of 4 GiB", 501, "4294967295 bytes", "negotiated 131072") { _ in
                [1, 0, 1, 255, 255, 255, 255]
            },
            PeerLie("a body of 2 GiB", 501, "2147483647 bytes", "negotiated") { _ in [3, 0, 1, 0x7F, 255, 255, 255] },
            PeerLie("a method one byte too long", 501, "131065 bytes") { _ in
                [1, 0, 1] + Bytes.bytes(UInt32(131_072 - 7))
            },
            PeerLie("a body one byte too long", 501, "body frame of 131065 bytes") { _ in
                [3, 0, 1] + Bytes.bytes(UInt32(131_072 - 7))
            },
            PeerLie("a header longer than a broker's own headers explain", 501, "header frame of 196601 bytes") { _ in
                [2, 0, 1] + Bytes.bytes(UInt32(131_072 + 65_536 - 7))
            },
        ]
        + [0, 1, 2, 3].map { length in
            PeerLie("a method frame of \(length) bytes", 501, "method frame of \(length) bytes", "too short") { _ in
                Bytes.frame(1, 1, Array(repeating: 0, count: length))
            }
        }
        + [0, 3, 11, 12, 13].map { length in
            PeerLie("a header frame of \(length) bytes", 501, "header frame of \(length) bytes", "too short") { _ in
                Bytes.frame(2, 1, Array(repeating: 0, count: length))
            }
        }

    static let contents: [PeerLie] = [
        PeerLie("a header without a method", 505, "no method announced", "channel 1") { _ in Bytes.header(1, size: 1) },
        PeerLie("a body without a header", 505, "body without its header", "channel 1") { _ in
            Bytes.frame(3, 1, [1])
        },
        PeerLie("a header on channel 0", 501, "content header on channel 0") { _ in Bytes.header(0, size: 1) },
        PeerLie("a body on channel 0", 501, "content body on channel 0") { _ in Bytes.frame(3, 0, [1]) },
        PeerLie("content of another class", 501, "another class than basic") {
            Bytes.deliverMethod(1, tag: $0, 1) + Bytes.header(1, size: 1, classID: 90)
        },
        PeerLie("a body right after its method", 505, "body without its header") {
            Bytes.deliverMethod(1, tag: $0, 1) + Bytes.frame(3, 1, [1])
        },
        PeerLie("a body longer than its header says", 501, "longer than its header says") {
            Bytes.deliverMethod(1, tag: $0, 1) + Bytes.header(1, size: 2) + Bytes.frame(3, 1, [1, 2, 3])
        },
        PeerLie("a body after an empty one", 505, "body without its header") {
            Bytes.deliver(1, tag: $0, 1, body: []) + Bytes.frame(3, 1, [1])
        },
        PeerLie("a second header", 505, "no method announced") {
            Bytes.deliverMethod(1, tag: $0, 1) + Bytes.header(1, size: 2) + Bytes.header(1, size: 2)
        },
        PeerLie("a delivery inside a delivery", 505, "basic.deliver", "content frames", "due") {
            Bytes.deliverMethod(1, tag: $0, 1) + Bytes.deliverMethod(1, tag: $0, 2)
        },
        PeerLie("an answer before a body is whole", 505, "queue.purge-ok", "content frames", "due") {
            Bytes.deliverMethod(1, tag: $0, 1) + Bytes.header(1, size: 1 << 63)
                + Bytes.method(1, 50, 31, [0, 0, 0, 0])
        },
        PeerLie("a size of 2^64 - 1, then an ack", 505, "basic.ack", "content frames", "due") {
            Bytes.deliverMethod(1, tag: $0, 1) + Bytes.header(1, size: .max) + Bytes.frame(3, 1, [1]) + Bytes.ack(1, 1)
        },
    ]

    static let methods: [PeerLie] = [
        PeerLie("an unknown method", 503, "unknown method 60.99") { _ in Bytes.method(1, 60, 99) },
        PeerLie("an unknown class", 503, "unknown method 61.10") { _ in Bytes.method(1, 61, 10) },
        PeerLie("a method of clients", 503, "basic.publish", "only clients send") { _ in
            Bytes.method(1, 60, 40, [0, 0] + Bytes.short("") + Bytes.short("") + [0])
        },
        PeerLie("a method of the connection on a channel", 503, "connection.blocked", "on channel 1") { _ in
            Bytes.method(1, 10, 60, Bytes.short("memory"))
        },
        PeerLie("a method of channels on channel 0", 503, "basic.ack on channel 0") { _ in
            Bytes.method(0, 60, 80, Bytes.bytes(UInt64(1)) + [0])
        },
        PeerLie("a login that begins again", 503, "connection.start on channel 0") { _ in Bytes.start() },
        PeerLie("a second tune", 503, "connection.tune on channel 0") { _ in Bytes.tune() },
        PeerLie("a second open-ok", 503, "connection.open-ok on channel 0") { _ in Bytes.openOK },
        PeerLie("connection.close-ok unasked", 503, "connection.close-ok") { _ in Bytes.method(0, 10, 51) },
        PeerLie("channel.close-ok unasked", 503, "channel.close-ok", "queue.purge-ok was next") { _ in
            Bytes.channelCloseOK(1)
        },
        PeerLie("an answer to another question", 503, "queue.declare-ok", "queue.purge-ok was next") { _ in
            Bytes.method(1, 50, 11, Bytes.short("q") + Array(repeating: 0, count: 8))
        },
        PeerLie("a message that nobody asked for", 503, "basic.get-ok", "queue.purge-ok was next") { _ in
            Bytes.method(
                1, 60, 71, Bytes.bytes(UInt64(1)) + [0] + Bytes.short("") + Bytes.short("") + [0, 0, 0, 0])
        },
        PeerLie("an answer cut off", 502, "queue.purge-ok", "decoded") { _ in Bytes.method(1, 50, 31, [0]) },
        PeerLie("a name longer than its frame", 502, "basic.deliver", "decoded") { _ in
            Bytes.method(1, 60, 60, [255, 1, 2, 3])
        },
        PeerLie("blocked without a reason", 502, "connection.blocked", "decoded") { _ in Bytes.method(0, 10, 60) },
    ]

    static let confirms: [PeerLie] = [
        PeerLie("an ack of what was never sent", 503, "basic.ack for publish 99", "never sent") { _ in
            Bytes.ack(1, 99)
        },
        PeerLie("a multiple ack beyond the last", 503, "publish 2 ", "never sent") { _ in
            Bytes.ack(1, 2, multiple: true)
        },
        PeerLie("a nack of what was never sent", 503, "basic.nack for publish 2 ") { _ in Bytes.nack(1, 2) },
        PeerLie("a multiple nack of everything there is", 503, "basic.nack for publish 18446744073709551615") { _ in
            Bytes.nack(1, .max, multiple: true)
        },
        PeerLie("an ack of publish 0", 503, "publish 0 ") { _ in Bytes.ack(1, 0) },
    ]

    static let deliveries: [PeerLie] = [
        PeerLie("delivery tag 0", 503, "delivery tag 0", "out of order") { Bytes.deliver(1, tag: $0, 0, body: [1]) },
        PeerLie("delivery tag 2^64 - 1", 503, "delivery tag 18446744073709551615", "out of order") {
            Bytes.deliver(1, tag: $0, .max, body: [1])
        },
        PeerLie("a delivery tag twice", 503, "delivery tag 1 ", "out of order") {
            Bytes.deliver(1, tag: $0, 1, body: [1]) + Bytes.deliver(1, tag: $0, 1, body: [1])
        },
        PeerLie("delivery tags that go down", 503, "delivery tag 4 ", "out of order") {
            Bytes.deliver(1, tag: $0, 5, body: []) + Bytes.deliver(1, tag: $0, 4, body: [])
        },
        PeerLie("far more deliveries than the prefetch", 506, "unsettled", "prefetch") { tag in
            (1...105 as ClosedRange<UInt64>).flatMap { Bytes.deliver(1, tag: tag, $0, body: [1]) }
        },
    ]

    static let endings: [PeerLie] = [
        PeerLie(going: "hanging up", nil, "hung up", []),
        PeerLie(going: "hanging up inside a frame", nil, "hung up", [1, 0, 1, 0]),
        PeerLie(
            going: "an operator's close", 320, "CONNECTION_FORCED - bye", Bytes.close(320, "CONNECTION_FORCED - bye")),
        PeerLie(going: "an internal error", 541, "INTERNAL_ERROR", Bytes.close(541, "INTERNAL_ERROR")),
        PeerLie(going: "blaming us for a frame", 501, "FRAME_ERROR", Bytes.close(501, "FRAME_ERROR - you lie")),
    ]
}
