import Testing

@testable import AMQP

@Suite struct `Settlement window` {
    /// The window behind a reference, since expectations take no mutating calls.
    private final class Window {
        private var base = SettlementWindow()

        var outstanding: Int { base.outstanding }

        init(_ count: UInt64) {
            for tag in 1...count { #expect(deliver(tag)) }
        }

        func deliver(_ tag: UInt64) -> Bool { base.deliver(tag) }
        func acknowledge(_ tag: UInt64) -> Bool { base.acknowledge(tag) }
        func settle(_ tag: UInt64) -> Bool { base.settle(tag) }
        func flush(_ emit: (UInt64, Bool) -> Void) { base.flush(emit) }

        func flush() -> [String] {
            var said: [String] = []
            base.flush { tag, multiple in said.append(multiple ? "≤\(tag)" : "\(tag)") }
            return said
        }
    }

    @Test func `acks in a row are said in one`() {
        let window = Window(5)
        for tag in 1...4 as ClosedRange<UInt64> { #expect(window.acknowledge(tag)) }
        #expect(window.flush() == ["≤4"])
        #expect(window.flush() == [])
        #expect(window.acknowledge(5))
        #expect(window.flush() == ["5"])
    }

    @Test func `an ack never speaks for a delivery that is still being worked on`() {
        let window = Window(5)
        for tag in [1, 2, 4, 5] as [UInt64] { #expect(window.acknowledge(tag)) }
        #expect(window.flush() == ["≤2", "4", "5"])
        #expect(window.acknowledge(3))
        #expect(window.flush() == ["3"])
        #expect(window.outstanding == 0)
    }

    @Test func `a delivery is settled once`() {
        let window = Window(3)
        #expect(window.acknowledge(1))
        #expect(!window.acknowledge(1))
        #expect(!window.settle(1))
        #expect(window.settle(2))
        #expect(!window.acknowledge(2))
        #expect(window.flush() == ["1"])
        #expect(!window.acknowledge(1))
        #expect(!window.acknowledge(4))
        #expect(!window.acknowledge(0))
    }

    @Test func `an ack ends at a tag the broker still holds`() {
        // 3 was nacked: an ack of everything up to 3 would name a tag that the broker does not know any more.
        let window = Window(4)
        #expect(window.acknowledge(1))
        #expect(window.acknowledge(2))
        #expect(window.settle(3))
        #expect(window.flush() == ["≤2"])
    }

    @Test func `tags that do not count up are refused`() {
        let window = Window(3)
        #expect(!window.deliver(3))
        #expect(window.deliver(6))
        #expect(!window.acknowledge(5))
        #expect(window.acknowledge(6))
    }

    @Test func `tags that are left out take bounded memory behind one that is held`() {
        var window = SettlementWindow()
        let isFirst = window.deliver(1)
        let isWithin = window.deliver(65_538)
        let isBeyond = window.deliver(65_540)
        let isNext = window.deliver(65_539)
        #expect(isFirst && isWithin && !isBeyond && isNext)
    }

    @Test func `in any order, every delivery is said exactly once and never too early`() {
        var generator = SplitMix(state: 3)
        for _ in 0..<200 {
            let window = Window(50)
            var order = Array(UInt64(1)...50)
            order.shuffle(using: &generator)
            var done: Set<UInt64> = []
            var told: Set<UInt64> = []
            for tag in order {
                done.insert(tag)
                if tag % 5 == 0 {
                    #expect(window.settle(tag))
                    told.insert(tag)
                } else {
                    #expect(window.acknowledge(tag))
                }
                guard Bool.random(using: &generator) || tag == order.last else { continue }
                window.flush { tag, multiple in
                    #expect(!told.contains(tag))
                    for tag in multiple ? Array(1...tag) : [tag] {
                        #expect(done.contains(tag))
                        told.insert(tag)
                    }
                }
            }
            #expect(told.count == 50)
        }
    }
}
