import Testing

@testable import AMQP

/// What the fuzzer, or the look at the code that its invariants led to, has found.
@Suite struct `What the fuzzer found` {
    typealias Bytes = BrokerBytes

    @Test(arguments: 1...7) func `a broker of another version is understood in whatever pieces it answers`(size: Int) {
        var test = MachineUnderTest()
        var rest = (Array("AMQP".utf8) + [3, 1, 0, 0])[...]
        while !rest.isEmpty {
            test.receive(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        let error = test.opened.values.first?.failure
        #expect(error?.code == .protocolViolation)
        #expect(error?.message == "the broker speaks AMQP 1.0.0, not 0-9-1")
    }

    @Test func `an answer that only begins like a protocol header is refused as a frame`() {
        var test = MachineUnderTest()
        test.receive(Array("AM".utf8))
        #expect(test.opened.values.isEmpty)
        test.receive(Array("X".utf8))
        #expect(test.opened.values.first?.failure?.message.contains("unknown kind") == true)
    }

    @Test(
        arguments: [(10, 11), (40, 10), (40, 30), (40, 40), (50, 10), (50, 20), (50, 50), (60, 20)]
            as [(UInt16, UInt16)])
    func `the table of a method that only clients send is refused before the library follows it`(
        classID: UInt16, methodID: UInt16
    ) {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let call = test.call(.queuePurge("q"), .queuePurgeOK, on: id)
        test.receive(Bytes.method(id.number, classID, methodID, [0xFF, 0xFF]))
        let error = call.values.first?.failure
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.hasSuffix("which only clients send") == true)
        #expect(error?.replyCode == 503)
    }
}
