import Testing

@testable import AMQP

@Suite struct `Read pacing` {
    private func deliveries(_ count: Int, isBrokerWaiting: Bool = false) -> ReadOutcome {
        ReadOutcome(deliveries: count, isBrokerWaiting: isBrokerWaiting)
    }

    @Test func `a lone message opens a window for its ack and reading goes on`() {
        var pacing = ReadPacing()
        #expect(pacing.received(deliveries(1)))
        #expect(!pacing.isPaused)
        #expect(!pacing.received(deliveries(1)), "the window is open")
        pacing.end()
        #expect(pacing.received(deliveries(1)))
        #expect(!pacing.isPaused)
    }

    @Test func `after a busy window there is one read per window, until one is quiet`() {
        var pacing = ReadPacing()
        for _ in 0..<4 { _ = pacing.received(deliveries(4)) }
        #expect(!pacing.isPaused)
        pacing.end()
        #expect(pacing.received(deliveries(2)))
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
        #expect(!pacing.received(deliveries(0)))
        #expect(!pacing.isOpen)
    }
}
