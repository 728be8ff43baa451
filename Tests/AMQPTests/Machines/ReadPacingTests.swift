import Testing

@testable import AMQP

@Suite struct `Read pacing` {
    private func deliveries(_ count: Int, isBrokerWaiting: Bool = false) -> ReadOutcome {
        ReadOutcome(deliveries: count, isBrokerWaiting: isBrokerWaiting)
    }

    @Test func `a lone message opens a window for its ack and reading goes on`() {
        var pacing = ReadPacing()
        let opens1 = pacing.received(deliveries(1))
        #expect(opens1)
        #expect(!pacing.isPaused)
        let opens2 = pacing.received(deliveries(1))
        #expect(!opens2, "the window is open")
        pacing.end()
        let opens3 = pacing.received(deliveries(1))
        #expect(opens3)
        #expect(!pacing.isPaused)
    }

    @Test func `after a busy window there is one read per window, until one is quiet`() {
        var pacing = ReadPacing()
        for _ in 0..<4 { _ = pacing.received(deliveries(4)) }
        #expect(!pacing.isPaused)
        pacing.end()
        let opens4 = pacing.received(deliveries(2))
        #expect(opens4)
        #expect(pacing.isPaused)
        pacing.end()
        #expect(!pacing.isPaused)
        _ = pacing.received(deliveries(40))
        #expect(!pacing.isPaused, "the window before brought two")
    }

    @Test func `a broker that waits for acks is read at once`() {
        var pacing = ReadPacing()
        _ = pacing.received(deliveries(100))
        pacing.end()
        _ = pacing.received(deliveries(100, isBrokerWaiting: true))
        #expect(!pacing.isPaused)
    }

    @Test func `a read without deliveries opens nothing`() {
        var pacing = ReadPacing()
        let opens5 = pacing.received(deliveries(0))
        #expect(!opens5)
        #expect(!pacing.isOpen)
    }
}
