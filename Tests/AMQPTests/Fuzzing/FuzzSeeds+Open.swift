@testable import AMQP

extension FuzzSeeds {
    // MARK: Every method

    static var methods: [(String, [UInt8])] {
        let replies: [(UInt16, UInt16, [UInt8])] = [
            (40, 11, []), (40, 31, []), (40, 51, []),
            (50, 11, Bytes.short("q") + Bytes.bytes(UInt32(3)) + Bytes.bytes(UInt32(1))), (50, 21, []), (50, 51, []),
            (50, 31, Bytes.bytes(UInt32(7))), (60, 72, Bytes.short("")), (50, 41, Bytes.bytes(UInt32(9))), (40, 21, []),
            (60, 31, Bytes.short("none")),
        ]
        let inOrder = replies.flatMap { Bytes.method(3, $0.0, $0.1, $0.2) }
        let getOK = Bytes.bytes(UInt64(1)) + [1] + Bytes.short("e") + Bytes.short("k") + Bytes.bytes(UInt32(0))
        return [
            seed("replies-in-order", inOrder), seed("replies-first-missing", Array(inOrder.dropFirst(12))),
            seed("reply-unasked", Bytes.method(2, 50, 11, replies[3].2)),
            seed(
                "replies-cut-off", Bytes.method(3, 40, 11), Bytes.method(3, 40, 31), Bytes.method(3, 40, 51),
                Bytes.method(3, 50, 11, [5, 1])),
            seed("channel-open-ok", Bytes.channelOpenOK(5), Bytes.confirmSelectOK(5)),
            seed("channel-close-404", Bytes.close(404, "NOT_FOUND - no queue 'q' in vhost '/'", on: 3)),
            seed("channel-close-on-all", (UInt16(1)...6).flatMap { Bytes.close(406, "PRECONDITION_FAILED", on: $0) }),
            seed("channel-close-crossing", Bytes.close(404, "NOT_FOUND", on: 4), Bytes.channelCloseOK(4)),
            seed("channel-close-ok", Bytes.method(4, 50, 31, [0, 0, 0, 1]), Bytes.channelCloseOK(4)),
            seed("channel-close-ok-unasked", Bytes.channelCloseOK(2)),
            seed("channel-flow", Bytes.method(2, 20, 20, [0]), Bytes.method(2, 20, 20, [1])),
            seed("connection-close-320", Bytes.close(320, "CONNECTION_FORCED - broker forced connection closure")),
            seed("connection-close-ok-unasked", Bytes.method(0, 10, 51)),
            seed("connection-start-again", Bytes.start()),
            seed(
                "connection-blocked-unblocked", Bytes.method(0, 10, 60, Bytes.short("low on disk")),
                Bytes.method(0, 10, 61)),
            seed("connection-update-secret-ok", Bytes.method(0, 10, 71)),
            seed("acks", Bytes.ack(1, 1), Bytes.ack(1, 3), Bytes.ack(1, 2), Bytes.ack(1, 8, multiple: true)),
            seed("acks-again", Bytes.ack(1, 2, multiple: true), Bytes.ack(1, 1), Bytes.ack(1, 2, multiple: true)),
            seed("nacks", Bytes.nack(1, 2), Bytes.nack(1, 8, multiple: true)),
            seed("ack-everything", Bytes.ack(1, 0, multiple: true)), seed("ack-zero", Bytes.ack(1, 0)),
            seed("ack-above", Bytes.ack(1, 9)), seed("ack-far-above", Bytes.ack(1, .max, multiple: true)),
            seed("ack-without-confirms", Bytes.ack(2, 1)),
            seed(
                "consume-ok", Bytes.method(6, 60, 72, Bytes.short("")), Bytes.method(6, 60, 71, getOK),
                Bytes.header(6, size: 0),
                Bytes.method(6, 60, 72, Bytes.short("")), Bytes.method(6, 60, 11), deliver(6, tag: "d", 2),
                Bytes.header(6, size: 0), Bytes.method(6, 60, 21, Bytes.short("d"))),
            seed("get-ok-unasked", Bytes.method(2, 60, 71, getOK)),
            seed("cancel", delivery(body: [1]), Bytes.method(2, 60, 30, Bytes.short("c") + [1])),
            seed("cancel-unknown", Bytes.method(2, 60, 30, Bytes.short("x") + [1])),
            seed("recover-ok", Bytes.method(2, 60, 111)), seed("tx-select-ok", Bytes.method(2, 90, 11)),
            seed("access-request-ok", Bytes.method(2, 30, 11, [0, 1])),
            seed("queue-declare", Bytes.method(2, 50, 10, Array(repeating: 0, count: 12))),
            seed("publish-from-broker", Bytes.method(2, 60, 40, [0, 0, 1, 101, 1, 107, 0])),
            seed("unknown-method", Bytes.method(2, 60, 999)), seed("unknown-class", Bytes.method(2, 61, 60)),
            seed("connection-method-on-channel", Bytes.method(2, 10, 61)), seed("channel-method-on-0", Bytes.ack(0, 1)),
        ]
    }

    // MARK: Messages

    static var contents: [(String, [UInt8])] {
        func returned(_ id: String?, _ body: UInt8, _ tag: UInt64) -> [UInt8] {
            Bytes.returned(1, exchange: "e", key: "k", messageID: id, body: [body]) + Bytes.ack(1, tag)
        }
        let death =
            field("count", "l", Bytes.bytes(Int64(2))) + field("reason", "S", Bytes.long("expired"))
            + field("queue", "S", Bytes.long("email.retry.5s")) + field("time", "T", Bytes.bytes(UInt64(1_700_000_000)))
            + field("exchange", "S", Bytes.long("email"))
            + field("routing-keys", "A", nested(Array("S".utf8) + Bytes.long("due")))
        let dead =
            field("x-death", "A", nested(Array("F".utf8) + nested(death)))
            + field("x-first-death-reason", "S", Bytes.long("expired"))
        return [
            seed("deliver", delivery(body: [1, 2, 3])), seed("deliver-empty", delivery(body: [])),
            seed("deliver-many", (UInt64(1)...20).flatMap { delivery($0, body: [UInt8($0)]) }),
            seed("deliver-dead-lettered", delivery(properties: headers(dead), body: [1])),
            seed(
                "deliver-in-three-frames", deliver(), Bytes.header(2, size: 6), Bytes.frame(3, 2, [1, 2, 3]),
                Bytes.frame(3, 2, []), Bytes.frame(3, 2, [4, 5, 6])),
            seed(
                "deliver-interleaved", deliver(), deliver(6, tag: "d", 1), Bytes.header(2, size: 1),
                Bytes.header(6, size: 1),
                Bytes.frame(3, 6, [6]), Bytes.frame(3, 2, [2])),
            seed("deliver-over-the-limit", delivery(body: Array(repeating: 7, count: 100))),
            seed("deliver-tag-0", delivery(0, body: [])),
            seed("deliver-tag-again", delivery(body: []), delivery(body: [])),
            seed("deliver-tags-skipped", delivery(5, body: []), delivery(65_000, body: [])),
            seed("deliver-tag-far-above", delivery(.max, body: [])),
            seed("deliver-to-nobody", deliver(2, tag: "x", 1), Bytes.header(2, size: 0)),
            seed("deliver-on-a-closing-channel", deliver(4, tag: "c", 1), Bytes.header(4, size: 0)),
            seed(
                "deliver-malformed-properties", delivery(properties: [0xFF, 0xFF, 1], body: [1]), delivery(2, body: [2])
            ),
            seed("deliver-flags-continue", delivery(properties: [0, 1, 0, 0], body: [])),
            seed("header-of-2-to-63", deliver(), Bytes.header(2, size: 1 << 63)),
            seed("header-twice", deliver(), Bytes.header(2, size: 5), Bytes.header(2, size: 5)),
            seed("header-alone", Bytes.header(2, size: 5)), seed("body-alone", Bytes.frame(3, 2, [1])),
            seed(
                "header-of-another-class", deliver(),
                Bytes.frame(2, 2, Bytes.bytes(UInt16(50)) + Array(repeating: 0, count: 12))),
            seed("body-too-long", deliver(), Bytes.header(2, size: 2), Bytes.frame(3, 2, [1, 2, 3])),
            seed("method-inside-a-message", deliver(), Bytes.header(2, size: 2), Bytes.method(2, 20, 20, [1])),
            seed("method-before-the-header", deliver(), deliver(2, 2)),
            seed("close-inside-a-message", deliver(), Bytes.header(2, size: 2), Bytes.close(404, "NOT_FOUND", on: 2)),
            seed("cut-inside-a-body", Array(delivery(body: [1, 2, 3]).dropLast(3))),
            seed("returned", returned("m1", 1, 2), returned(nil, 5, 6)),
            seed("returned-unknown", returned("other", 9, 1), Bytes.nack(1, 8, multiple: true)),
            seed("returned-nine-times", (0..<9).flatMap { returned("m\($0)", 1, 1) }),
        ]
    }

    // MARK: Frames

    static var frames: [(String, [UInt8])] {
        var frames: [(String, [UInt8])] = [
            seed("heartbeats", Bytes.frame(8, 0, []), Bytes.frame(8, 0, [])),
            seed("heartbeat-on-channel-5", Bytes.frame(8, 5, [])),
            seed("heartbeat-with-payload", Bytes.frame(8, 0, [0])),
            seed("end-byte-wrong", Array(Bytes.ack(1, 1).dropLast()), [0xCD]),
            seed("channel-not-open", Bytes.ack(7, 1)), seed("channel-above-the-maximum", Bytes.ack(8, 1)),
            seed("channel-65535", Bytes.ack(65_535, 1)), seed("length-4-gib", [3, 0, 2, 255, 255, 255, 255]),
            seed("length-over-frame-max", [3, 0, 2, 0, 2, 0, 0]), seed("header-on-channel-0", Bytes.header(0, size: 0)),
            seed("body-on-channel-0", Bytes.frame(3, 0, [1])),
            seed("ssh", Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)),
        ]
        // The lengths of the frames that read out of bounds in librabbitmq before 0.16.
        for kind in [1, 2, 3, 8] as [UInt8] {
            for length in [0, 1, 3, 4, 11, 13] {
                frames.append(
                    (
                        "kind-\(kind)-length-\(length)",
                        Bytes.frame(kind, kind == 8 ? 0 : 2, Array(repeating: 0, count: length))
                    ))
            }
        }
        for kind in [0, 4, 5, 7, 9, 255] as [UInt8] {
            frames.append(("kind-\(kind)", Bytes.frame(kind, 2, [1, 2, 3, 4])))
        }
        return frames
    }
}
