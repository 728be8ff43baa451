@_spi(HarebellTransports) import Harebell
import Testing

@testable import HarebellRabbitMQ

@Suite struct SuspicionTests {
    @Test func `a message is a suspect when a quarter of its deliveries is used up`() {
        let usual = Suspicion(deliveryLimit: TopologyOptions().deliveryLimit)
        #expect((0...6).map { usual.suspects(deliveryCount: $0) } == [false, false, false, false, false, true, true])
        let strict = Suspicion(deliveryLimit: 1)
        #expect((0...3).map { strict.suspects(deliveryCount: $0) } == [false, false, true, true])
    }

    @Test func `suspects that stay suspects wait twice as long each time, and thirty seconds at most`() {
        let suspicion = Suspicion(deliveryLimit: 20)
        let delays = (5...14).map { suspicion.delay(deliveryCount: $0) }
        #expect(delays == [0, 0, 1, 2, 4, 8, 16, 30, 30, 30].map { Duration.seconds($0) })
        #expect(suspicion.delay(deliveryCount: .max) == .seconds(30))
        #expect(suspicion.delay(deliveryCount: .min) == .zero)
    }
}

@Suite(.timeLimit(.minutes(1))) struct `A watched value` {
    @Test func `resumes those who wait for what it becomes, and no others`() async {
        let watched = Watched(0)
        await withTaskGroup(of: Int.self) { group in
            for number in [1, 2, 3] {
                group.addTask {
                    await watched.wait { $0 >= number }
                    return number
                }
            }
            watched.change { $0 = 2 }
            let first = [await group.next(), await group.next()].compactMap { $0 }
            #expect(first.sorted() == [1, 2])
            watched.change { $0 = 3 }
            #expect(await group.next() == 3)
        }
        await watched.wait { $0 == 3 }
    }

    @Test func `is waited on no longer than the task lives`() async {
        let watched = Watched(false)
        let waiting = Task { await watched.wait { $0 } }
        waiting.cancel()
        await waiting.value
        #expect(!watched.read { $0 })
    }
}
