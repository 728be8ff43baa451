import Testing

@testable import AMQP

/// A broker that lies during the login, and what we say about it.
struct HandshakeLie: Sendable, CustomTestStringConvertible {
    typealias Bytes = BrokerBytes

    let name: String
    let step: Reaction.Step
    let reaction: Reaction
    let code: AMQPError.Code
    /// What the error's message says.
    let words: [String]

    var testDescription: String { name }

    /// Does everything right up to the lie.
    var script: Reaction.Script { Reaction.wellBehaved(until: step) { _ in reaction } }

    private init(
        _ name: String, _ step: Reaction.Step, _ reaction: Reaction, _ code: AMQPError.Code = .protocolViolation,
        _ words: String...
    ) {
        self.name = name
        self.step = step
        self.reaction = reaction
        self.code = code
        self.words = words
    }

    private static func sends(_ name: String, _ step: Reaction.Step, _ bytes: [UInt8], _ words: String...) -> Self {
        HandshakeLie(name, step, bytes, words)
    }

    private init(_ name: String, _ step: Reaction.Step, _ bytes: [UInt8], _ words: [String]) {
        self.name = name
        self.step = step
        reaction = .send(bytes)
        code = .protocolViolation
        self.words = words
    }

    static let all = strangers + starts + tunes + frames + hangUps

    /// What answers the greeting and is no broker of ours.
    static let strangers: [HandshakeLie] = [
        sends("a broker of AMQP 1.0", .greeting, Array("AMQP".utf8) + [0, 1, 0, 0], "AMQP 1.0.0, not 0-9-1"),
        sends("a broker of AMQP 0-8", .greeting, Array("AMQP".utf8) + [1, 1, 8, 0], "AMQP 1.8.0, not 0-9-1"),
        sends("an echo", .greeting, Array("AMQP".utf8) + [0, 0, 9, 1], "only echoes"),
        sends(
            "a web server", .greeting, Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), "HTTP server", "check the port"),
        sends("a secure shell", .greeting, Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), "SSH server", "check the port"),
        sends("a server that expects TLS", .greeting, [0x15, 3, 1, 0, 2, 2, 22], "TLS", "amqps://"),
        sends("a mail server", .greeting, Array("220 mail ESMTP\r\n".utf8), "unknown kind 50", "check the port"),
        sends("zeroes", .greeting, Array(repeating: 0, count: 1000), "no AMQP broker"),
        sends("a letter A that becomes no AMQP", .greeting, Array("AMQQ....".utf8), "no AMQP broker"),
        sends("text with escape codes", .greeting, Array("\u{1B}[2J\u{1B}]0;owned\u{7}".utf8), "unknown kind 27"),
    ]

    /// connection.start.
    static let starts: [HandshakeLie] =
        [
            sends("version 0-8", .greeting, Bytes.start(minor: 8), "AMQP 0-8"),
            sends("version 1-0", .greeting, Bytes.start(major: 1, minor: 0), "AMQP 1-0"),
            sends("start on channel 1", .greeting, Bytes.method(1, 10, 10), "channel 1"),
            sends("start without arguments", .greeting, Bytes.method(0, 10, 10), "connection.start", "decoded"),
            sends(
                "a list of mechanisms of 4 GiB", .greeting,
                Bytes.method(0, 10, 10, [0, 9] + Bytes.serverProperties + Bytes.bytes(UInt32.max) + [80]),
                "connection.start", "decoded"),
            sends("tune instead of start", .greeting, Bytes.tune(), "connection.tune", "connection.start was due"),
            sends("start twice", .startOK, Bytes.start(), "connection.start on", "connection.tune was due"),
        ]
        + HostileTables.malformed.filter { !["a decimal cut off"].contains($0.name) }.map { table in
            sends(
                "server properties: \(table.name)", .greeting, Bytes.start(properties: table.bytes),
                "connection.start", "server properties", table.word)
        }

    /// connection.tune and open-ok.
    static let tunes: [HandshakeLie] = [
        sends("frames of one byte", .startOK, Bytes.tune(frameMax: 1), "frames of 1 bytes", "4096"),
        sends("frames below the minimum", .startOK, Bytes.tune(frameMax: 4095), "4095", "4096"),
        sends("open-ok instead of tune", .startOK, Bytes.openOK, "connection.open-ok", "connection.tune was due"),
        sends("tune cut off", .startOK, Bytes.method(0, 10, 30, [0, 0, 0]), "connection.tune", "decoded"),
        sends("tune twice", .open, Bytes.tune(), "connection.tune", "connection.open-ok was due"),
        sends("blocked before it is open", .open, Bytes.blocked("memory"), "connection.blocked", "open-ok was due"),
        sends("a channel before it is open", .open, Bytes.channelOpenOK(1), "channel 1", "not open"),
        sends("close-ok unasked", .open, Bytes.method(0, 10, 51), "connection.close-ok", "open-ok was due"),
    ]

    /// Frames.
    static let frames: [HandshakeLie] = [
        sends("a wrong end byte", .greeting, Array(Bytes.start().dropLast()) + [0], "ends with 0, not with 206"),
        sends("a frame of 4 GiB", .greeting, [1, 0, 0, 255, 255, 255, 255], "4294967295 bytes", "negotiated"),
        sends("a frame one byte too long", .greeting, [1, 0, 0] + Bytes.bytes(UInt32(131_065)), "131065 bytes"),
        sends("a frame of unknown kind", .startOK, [9, 0, 0, 0, 0, 0, 0, 0xCE], "unknown kind 9"),
        sends("an empty method", .greeting, Bytes.frame(1, 0, []), "method frame of 0 bytes"),
        sends("a method of three bytes", .startOK, Bytes.frame(1, 0, [0, 10, 0]), "method frame of 3 bytes"),
        sends("an unknown method", .greeting, Bytes.method(0, 10, 99), "unknown method 10.99"),
        sends("an unknown class", .startOK, Bytes.method(0, 200, 1), "unknown method 200.1"),
        sends(
            "a method of clients", .startOK, Bytes.method(0, 60, 90, Bytes.bytes(UInt64(1)) + [0]), "only clients send"),
        sends("content during the login", .startOK, Bytes.header(1, size: 5), "channel 1"),
        sends("content on channel 0", .startOK, Bytes.header(0, size: 5), "content header on channel 0"),
        sends("a body on channel 0", .startOK, Bytes.frame(3, 0, [1]), "content body on channel 0"),
        sends("a heartbeat on channel 5", .open, Bytes.frame(8, 5, []), "channel 5"),
        sends("a heartbeat with a payload", .open, Bytes.frame(8, 0, [1]), "heartbeat of 1 bytes"),
    ]

    /// Brokers that go.
    static let hangUps: [HandshakeLie] = [
        HandshakeLie("hanging up on the greeting", .greeting, .sendAndHangUp([]), .connectionFailed, "hung up"),
        HandshakeLie(
            "hanging up in the middle of start", .greeting, .sendAndHangUp(Array(Bytes.start().prefix(20))),
            .connectionFailed, "hung up"),
        HandshakeLie("hanging up on the credentials", .startOK, .sendAndHangUp([]), .connectionFailed, "hung up"),
        HandshakeLie("hanging up on the virtual host", .open, .sendAndHangUp([]), .connectionFailed, "hung up"),
        HandshakeLie(
            "closing at once", .greeting, .sendAndHangUp(Bytes.close(541, "INTERNAL_ERROR - starting")),
            .connectionFailed, "541 INTERNAL_ERROR", "starting"),
        HandshakeLie(
            "closing with 64 KiB more than there is text", .open,
            .sendAndHangUp(
                Bytes.method(
                    0, 10, 50,
                    Bytes.bytes(UInt16(320)) + Bytes.short(String(repeating: "x", count: 255))
                        + Array(repeating: 0x78, count: 65_000))),
            .connectionFailed, "xxxx"),
    ]
}
