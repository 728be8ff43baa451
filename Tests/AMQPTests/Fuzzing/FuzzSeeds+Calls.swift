@testable import AMQP

extension FuzzSeeds {
    // MARK: Conversations

    /// Bytes of the broker as steps of `FuzzFrames`.
    private static func broker(_ parts: [UInt8]...) -> [UInt8] {
        var rest = parts.flatMap { $0 }[...]
        var steps: [UInt8] = []
        while rest.count >= 8 {
            let head = Array(rest.prefix(7))
            let length = Int(head[5]) << 8 | Int(head[6])
            let isLong = length > 255
            let size = isLong ? length / 16 : length
            steps += [head[0] - 1 | head[2] << 2 | (isLong ? 0x80 : 0), UInt8(size)]
            steps += rest.dropFirst(7).prefix(isLong ? size * 16 : size)
            rest = rest.dropFirst(8 + length)
        }
        return steps
    }

    private static func call(_ what: UInt8, _ detail: UInt8 = 0, _ number: UInt8 = 0, on channel: UInt8 = 0) -> [UInt8]
    {
        [3 | channel << 2, what | detail << 4, number]
    }

    private static let write = call(0)

    static var conversations: [(String, [UInt8])] {
        let publishes = (UInt8(1)...6).flatMap { call(2, $0 & 1, $0, on: 1) }
        return [
            seed("publish-and-confirm", publishes, write, broker(Bytes.ack(1, 10, multiple: true), Bytes.nack(1, 14))),
            seed(
                "publish-while-blocked", broker(Bytes.method(0, 10, 60, Bytes.short("disk"))), publishes,
                call(10, 0, 2, on: 1),
                broker(Bytes.method(0, 10, 61)), write, broker(Bytes.ack(1, 0, multiple: true))),
            seed("publish-large", (UInt8(1)...4).flatMap { call(2, 15, $0, on: 1) }, write, broker(Bytes.ack(1, 9))),
            seed("publish-until-late", publishes, call(1, 0, 255), call(1, 0, 255), broker(Bytes.ack(1, 3)), publishes),
            seed(
                "publish-on-a-lost-channel", broker(Bytes.close(404, "NOT_FOUND - no exchange 'e'", on: 1)), publishes,
                write,
                call(3, 1), broker(Bytes.channelOpenOK(1), Bytes.confirmSelectOK(1)), publishes, broker(Bytes.ack(1, 1))
            ),
            seed("publish-without-confirms", call(2, 1, 1, on: 2), write),
            seed(
                "settle-in-another-order", broker((UInt64(1)...5).flatMap { delivery($0, body: [1]) }),
                call(11, 0, 3, on: 2), write,
                call(12, 1, 1, on: 2), call(11, 0, 2, on: 2), write, call(11, 0, 2, on: 2)),
            seed("settle-unknown", call(11, 0, 9, on: 2), call(12, 0, 1, on: 2), call(11, 0, 1, on: 7), write),
            seed(
                "consume-and-cancel", call(5, 0, 1, on: 2), write, call(6, 0, 101), broker(Bytes.method(2, 60, 11)),
                broker(Bytes.method(2, 60, 21, Bytes.short("t1")), Bytes.method(2, 60, 31, Bytes.short("t1")))),
            seed(
                "cancel-all-calls", call(6, 0, 100), call(6, 0, 101), call(6, 0, 102), write,
                broker(Bytes.channelOpenOK(5))),
            seed(
                "call-and-answer", call(4, 3, 0, on: 2), write,
                broker(Bytes.method(2, 50, 11, Bytes.short("q") + Array(repeating: 0, count: 8)))),
            seed(
                "close-channel-awaited", call(13, 1, 0, on: 2), call(13, 1, 0, on: 2), broker(delivery(body: [1])),
                write, broker(Bytes.channelCloseOK(2))),
            seed(
                "close-channel-unanswered", call(13, 1, 0, on: 1), call(2, 0, 1, on: 1), call(4, 0, 0, on: 1),
                call(1, 0, 255), call(1, 0, 255)),
            seed(
                "close-channels-crossing", call(13, 0, 0, on: 2), broker(Bytes.close(404, "NOT_FOUND", on: 2)), write,
                broker(Bytes.channelCloseOK(2))),
            seed(
                "close-connection", call(8), publishes, write,
                broker(Bytes.ack(1, 8, multiple: true), Bytes.method(0, 10, 51))),
            seed("close-connection-crossing", call(8), call(8), broker(Bytes.close(320, "CONNECTION_FORCED")), write),
            seed("close-connection-unanswered", call(8), write, call(1, 0, 100)),
            seed("broken", publishes, call(9, 1), publishes, call(8), call(3), write),
            seed(
                "forget-all-channels", (UInt8(1)...6).flatMap { call(14, 0, 0, on: $0) }, write,
                broker(Bytes.channelCloseOK(1))),
            seed(
                "await-the-end", call(15, 0, 0, on: 2), call(15, 1, 0, on: 3),
                broker(Bytes.close(404, "NOT_FOUND", on: 2))),
            seed(
                "open-all-channels", call(3, 1), call(3), call(3), write,
                broker(Bytes.channelOpenOK(7), Bytes.confirmSelectOK(7))),
            seed("heartbeats", call(1, 0, 50), write, call(7), call(1, 0, 50), write, call(1, 0, 100), write),
            seed("silence", call(1, 0, 60), call(1, 0, 60), call(1, 0, 60), call(1, 0, 60), write),
        ]
    }

    // MARK: Properties and tables

    static var properties: [(String, [UInt8])] {
        [
            seed("none", [0, 0]), seed("all", (try? PropertiesTests.full.encodedProperties()) ?? []),
            seed("headers-empty", headers([])), seed("flags-continue", [0, 1, 0, 0]), seed("flags-all", [0xFF, 0xFE]),
            seed("flag-unknown", [0, 2]), seed("bytes-after", [0, 0, 0]),
            seed("text-not-utf8", Bytes.bytes(UInt16(1 << 15)), [2, 0xC3, 0x28]),
            seed("text-of-255", Bytes.bytes(UInt16(1 << 7)), [255], Array(repeating: 0x78, count: 255)),
            seed("cut-off", Bytes.bytes(UInt16(1 << 6)), [0, 0, 0]),
            seed("headers-longer-than-the-list", Bytes.bytes(UInt16(1 << 13)), [0xFF, 0xFF, 0xFF, 0xFF]),
        ]
    }

    static var tables: [(String, [UInt8])] {
        let kinds: [(Character, [UInt8])] = [
            ("t", [1]), ("t", [2]), ("b", [0x80]), ("B", [200]), ("s", [0x80, 0]), ("u", [255, 255]),
            ("I", [0x80, 0, 0, 0]), ("i", [255, 255, 255, 255]), ("l", Bytes.bytes(Int64.min)),
            ("L", Bytes.bytes(UInt64(7))), ("f", Bytes.bytes(Float(1.5).bitPattern)),
            ("d", Bytes.bytes(Double.pi.bitPattern)), ("D", [2, 0, 0, 48, 57]), ("S", Bytes.long("Åsa")),
            ("S", Bytes.long("")), ("x", Bytes.long("bytes")), ("T", Bytes.bytes(UInt64(1_700_000_000))), ("V", []),
            ("A", nested([])), ("A", nested(Array("tI".utf8))), ("F", nested([])), ("F", nested(field("k", "V"))),
        ]
        let every = kinds.flatMap { field("k", $0.0, $0.1) }
        let deep = (0..<31).reduce(field("k", "V")) { inside, _ in field("k", "F", nested(inside)) }
        let arrays = (0..<31).reduce([UInt8]()) { inside, _ in Array("A".utf8) + nested(inside) }
        return [
            seed("every-kind", nested(every)), seed("empty", nested([])), seed("32-deep", nested(deep)),
            seed("33-deep", nested(field("k", "F", nested(deep)))),
            seed("arrays-32-deep", nested(Bytes.short("k") + arrays)),
            seed("key-empty", nested(field("", "V"))), seed("key-not-utf8", nested([2, 0xC3, 0x28, 0x56])),
            seed("key-twice", nested(field("k", "t", [1]) + field("k", "t", [0]))),
            seed("key-of-129", nested([129] + Array(repeating: 0x6B, count: 129) + Array("V".utf8))),
            seed("key-of-255", nested([255] + Array(repeating: 0x6B, count: 255) + Array("V".utf8))),
            seed("kind-unknown", nested(field("k", "Z"))),
            seed("text-not-utf8", nested(field("k", "S", nested([0xFF, 0xFE])))),
            seed("text-of-4-gib", nested(field("k", "S", [255, 255, 255, 255]))),
            seed(
                "text-composed-and-decomposed",
                nested(field("é", "S", Bytes.long("é")) + field("e\u{301}", "S", Bytes.long("e\u{301}")))),
            seed("number-above-63-bits", nested(field("k", "L", Bytes.bytes(UInt64.max)))),
            seed(
                "not-a-number",
                nested(field("f", "f", [0x7F, 0xA0, 0, 1]) + field("d", "d", [0x7F, 0xF4, 0, 0, 0, 0, 0, 1]))),
            seed("value-past-the-table", Bytes.bytes(UInt32(5)), field("k", "l", Array(repeating: 0, count: 8))),
            seed("array-past-the-table", nested(field("k", "A", Bytes.bytes(UInt32(9)) + Array("tI".utf8)))),
            seed("bytes-after", nested([]), [0]), seed("length-lies", [0, 0, 0, 9, 1]),
        ]
    }
}
