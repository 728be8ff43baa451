import NIOCore
import Testing

@testable import AMQP

@Suite struct `Login` {
    private func error(_ bytes: [[UInt8]], _ change: (inout AMQPConfiguration) -> Void = { _ in }) -> AMQPError? {
        var test = MachineUnderTest(change)
        for bytes in bytes { test.receive(bytes) }
        #expect(test.opened.values.count <= 1)
        return test.opened.values.first?.failure
    }

    @Test func `PLAIN, tune and open in two writes`() throws {
        var test = MachineUnderTest { $0.connectionName = "me" }
        #expect(test.sentBytes() == Array("AMQP".utf8) + [0, 0, 9, 1])
        test.receive(BrokerBytes.start())
        let startOK = try #require(test.sent().first)
        #expect(startOK.method == [10, 11])
        let text = String(decoding: startOK.payload, as: UTF8.self)
        for part in ["\0guest\0guest", "PLAIN", "connection_name", "me", "publisher_confirms", "basic.nack"] {
            #expect(text.contains(part), "\(part)")
        }
        test.receive(BrokerBytes.tune())
        let frames = test.sent()
        #expect(frames.map(\.method) == [[10, 31], [10, 40]])
        #expect(
            Array(frames[0].payload[4...]) == BrokerBytes.bytes(UInt16(2047)) + BrokerBytes.bytes(UInt32(131_072))
                + BrokerBytes.bytes(UInt16(10)))
        #expect(test.opened.values.isEmpty)
        test.receive(BrokerBytes.openOK)
        #expect(test.opened.values.count == 1)
        #expect(test.opened.values.first?.failure == nil)
        #expect(test.machine.serverProperties["version"] == "3.10.8")
    }

    @Test func `one byte at a time makes no difference`() {
        var test = MachineUnderTest()
        for byte in BrokerBytes.start() + BrokerBytes.tune() + BrokerBytes.openOK { test.receive([byte]) }
        #expect(test.opened.values.count == 1)
        #expect(test.opened.values.first?.failure == nil)
    }

    @Test func `EXTERNAL sends an empty answer`() throws {
        var test = MachineUnderTest { $0.credentials = .external }
        test.receive(BrokerBytes.start(mechanisms: "PLAIN EXTERNAL"))
        let text = String(decoding: try #require(test.sent().first).payload, as: UTF8.self)
        #expect(text.contains("EXTERNAL"))
        #expect(!text.contains("guest"))
    }

    @Test func `a mechanism the broker lacks ends the login before credentials are sent`() {
        var test = MachineUnderTest()
        test.receive(BrokerBytes.start(mechanisms: "EXTERNAL"))
        #expect(test.opened.values.first?.failure?.code == .authenticationRefused)
        #expect(!String(decoding: test.sentBytes(), as: UTF8.self).contains("guest"))
    }

    @Test func `the mechanisms of a broker are told without what could end a line, in few bytes`() throws {
        var test = MachineUnderTest()
        test.receive(
            BrokerBytes.start(mechanisms: "X\n\u{1B}[2J a" + String(repeating: "\u{301}", count: 30_000)))
        let message = try #require(test.opened.values.first?.failure?.message)
        #expect(message.contains("only: X??[2J "))
        #expect(message.utf8.count < 200)
    }

    @Test func `a refused login tells the broker's words`() {
        let refused = error([BrokerBytes.start(), BrokerBytes.close(403, "ACCESS_REFUSED - Login was refused")])
        #expect(refused?.code == .authenticationRefused)
        #expect(refused?.replyCode == 403)
        #expect(refused?.message.contains("Login was refused") == true)
    }

    @Test func `a missing virtual host is a refused login`() {
        let refused = error([
            BrokerBytes.start(), BrokerBytes.tune(), BrokerBytes.close(530, "NOT_ALLOWED - vhost x not found"),
        ])
        #expect(refused?.code == .authenticationRefused)
        #expect(refused?.replyCode == 530)
    }

    @Test(arguments: [1, 4095] as [UInt32]) func `a frame size below the minimum is refused`(frameMax: UInt32) {
        let refused = error([BrokerBytes.start(), BrokerBytes.tune(frameMax: frameMax)])
        #expect(refused?.code == .protocolViolation)
        #expect(refused?.message.contains("4096") == true)
    }

    @Test func `zero in tune means no limit of the broker's`() {
        var test = MachineUnderTest { $0.channelMax = 7 }
        test.receive(BrokerBytes.start())
        _ = test.sent()
        test.receive(BrokerBytes.tune(channelMax: 0, frameMax: 0, heartbeat: 0))
        #expect(
            Array(test.sent()[0].payload[4...]) == BrokerBytes.bytes(UInt16(7)) + BrokerBytes.bytes(UInt32(131_072))
                + BrokerBytes.bytes(UInt16(10)))
    }

    @Test func `another version of AMQP is named`() {
        let refused = error([Array("AMQP".utf8) + [0, 1, 0, 0]])
        #expect(refused?.code == .protocolViolation)
        #expect(refused?.message.contains("1.0.0") == true)
        #expect(error([BrokerBytes.start(major: 0, minor: 8)])?.code == .protocolViolation)
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH", "\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{16}"])
    func `what is no broker is refused at once`(greeting: String) {
        #expect(error([Array(greeting.utf8)])?.code == .protocolViolation)
    }

    @Test func `methods out of order are refused`() {
        #expect(error([BrokerBytes.tune()])?.code == .protocolViolation)
        #expect(error([BrokerBytes.openOK])?.code == .protocolViolation)
        #expect(error([BrokerBytes.start(), BrokerBytes.start()])?.code == .protocolViolation)
        #expect(error([BrokerBytes.start(), BrokerBytes.openOK])?.code == .protocolViolation)
    }

    @Test func `server properties nested without end are refused`() {
        var inside = BrokerBytes.short("k")
        for level in 0..<18_000 { inside += Array("A".utf8) + BrokerBytes.bytes(UInt32((17_999 - level) * 5)) }
        let bytes = BrokerBytes.method(
            0, 10, 10,
            [0, 9] + BrokerBytes.bytes(UInt32(inside.count)) + inside + BrokerBytes.long("PLAIN")
                + BrokerBytes.long("en_US"))
        #expect(error([bytes])?.code == .protocolViolation)
    }

    @Test func `connection start cut off at every offset never crashes`() {
        let arguments = Array(BrokerBytes.start()[11...].dropLast())
        for length in 0..<arguments.count {
            #expect(error([BrokerBytes.method(0, 10, 10, Array(arguments.prefix(length)))])?.code == .protocolViolation)
        }
    }

    @Test func `a broker that hangs up during the login is a failed connection`() {
        var test = MachineUnderTest()
        test.receive(BrokerBytes.start())
        test.perform { $0.disconnected(nil) }
        #expect(test.opened.values.first?.failure?.code == .connectionFailed)
    }
}
