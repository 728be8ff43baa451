import HarebellTesting
import Testing

@testable import Harebell

private func delivery(_ tag: UInt64) -> TransportDelivery {
    TransportDelivery(
        receipt: DeliveryReceipt(epoch: 1, tag: tag), content: .failure(MalformedMessage(message: "")),
        attempts: 0, unhandledCount: 0, size: 0)
}

@Suite struct InHandTests {
    private let hand = Box(InHand(longestWait: .seconds(840)))

    private func arrive(_ count: Int, at now: Duration = .zero) -> [Int] {
        (0..<count).map { _ in hand { $0.admit(delivery(UInt64($0.count + 1)), at: now) } }
    }

    private func ask(
        _ number: Int, at now: Duration = .zero, _ admission: InHand.Admission = .all
    ) -> InHand.Answer? {
        hand { $0.ask(number, at: now, admission: admission) }
    }

    private func answers(
        at now: Duration = .zero, _ admission: InHand.Admission = .all
    ) -> [Int: InHand.Answer] {
        Dictionary(
            uniqueKeysWithValues: hand { $0.answers(at: now, admission: admission) }.map { ($0.number, $0.answer) })
    }

    @Test func `what is unsettled comes out in the order of arrival, once`() {
        let places = arrive(4)
        #expect(hand { $0.settle(places[1]) })
        #expect(!hand { $0.settle(places[1]) })
        #expect(hand { $0.takeAll() }.map(\.receipt.tag) == [1, 3, 4])
        #expect(hand { $0.takeAll() }.isEmpty)
        #expect(!hand { $0.holds(places[0]) })
        #expect(!hand { $0.settle(places[0]) })
    }

    @Test func `whoever asks begins, unless something speaks against it`() {
        let places = arrive(2)
        #expect(ask(places[0]) == .begin)
        #expect(ask(places[1]) == .begin)
        #expect(ask(99) == .gone)
    }

    @Test func `those that are held back begin in the order in which they asked`() {
        let places = arrive(3)
        hand { $0.hold() }
        hand { $0.hold() }
        #expect(places.reversed().map { ask($0) } == [nil, nil, nil])
        hand { $0.letGo() }
        #expect(answers().isEmpty)
        hand { $0.letGo() }
        #expect(hand { $0.answers(at: .zero, admission: .all) }.map(\.number) == places.reversed())
    }

    @Test func `no more begin than the concurrency allows, and nobody overtakes`() {
        hand.value = InHand(longestWait: .seconds(840), concurrency: 2)
        let places = arrive(4)
        #expect(places.map { ask($0) } == [.begin, .begin, nil, nil])
        _ = hand { $0.settle(places[0]) }
        #expect(answers().isEmpty, "its handler has not ended yet")
        hand { $0.ended(places[0]) }
        let late = arrive(1)[0]
        #expect(ask(late) == nil, "those who wait come first")
        #expect(answers() == [places[2]: .begin])
    }

    @Test func `none begins without admission, or only the one that has it`() {
        let places = arrive(3)
        #expect(ask(places[0], .none) == nil)
        #expect(ask(places[1], .none) == nil)
        #expect(answers(.only(places[1])) == [places[1]: .begin])
        #expect(ask(places[2], .only(places[2])) == .begin)
        #expect(answers() == [places[0]: .begin])
    }

    @Test func `what waits can be taken away, and what has begun cannot`() {
        let places = arrive(4)
        #expect(ask(places[1]) == .begin)
        #expect(ask(places[0], .none) == nil)
        #expect(hand { $0.takeWaiting(except: places[2]) }.map(\.receipt.tag) == [1, 4])
        #expect(answers(.none) == [places[0]: .gone])
        #expect(hand { $0.count } == 2)
    }

    @Test func `what has waited for too long does not begin`() {
        let old = arrive(2)
        #expect(ask(old[0], at: .seconds(840)) == .begin)
        #expect(!hand { $0.hasOverdue(at: .seconds(840)) })
        #expect(hand { $0.hasOverdue(at: .seconds(841)) })
        #expect(ask(old[1], at: .seconds(841)) == .overdue)
        #expect(hand { $0.takeWaiting(except: nil) }.map(\.receipt.tag) == [2])
    }

    @Test func `after the stop nothing begins`() {
        let places = arrive(2)
        hand { $0.hold() }
        #expect(ask(places[0]) == nil)
        hand { $0.stop() }
        #expect(answers() == [places[0]: .gone])
        #expect(ask(places[1]) == .gone)
        #expect(hand { $0.takeAll() }.count == 2)
    }
}

@Suite(.timeLimit(.minutes(1))) struct LedgerTests {
    private let clock = ManualClock()
    private var ledger: Ledger { Ledger(InHand(longestWait: .seconds(840)), clock: clock.workerClock) }

    @Test func `an asker waits for its turn, and hears when it is gone or cancelled`() async {
        let ledger = ledger
        let places = (1...3).map { ledger.admit(delivery($0)) }
        ledger.hold()
        let first = Task { await ledger.begin(places[0]) }
        let second = Task { await ledger.begin(places[1]) }
        second.cancel()
        #expect(await second.value == .gone)
        ledger.letGo()
        #expect(await first.value == .begin)
        ledger.stop()
        #expect(await ledger.begin(places[2]) == .gone)
    }

    @Test func `idle waits for the last task, and gives up at its deadline and when it is cancelled`() async {
        let ledger = ledger
        await ledger.idle()
        ledger.taskBegan()
        ledger.taskBegan()
        let waiting = Task { await ledger.idle() }
        ledger.taskEnded()
        ledger.taskEnded()
        await waiting.value
        ledger.taskBegan()
        clock.advance(by: .seconds(5))
        await clock.workerClock.run(for: .zero) { await ledger.idle() }
        let cancelled = Task { await ledger.idle() }
        cancelled.cancel()
        await cancelled.value
    }

    @Test func `it is empty when the last delivery is settled`() async {
        let ledger = ledger
        let place = ledger.admit(delivery(1))
        let waiting = Task { await ledger.emptied() }
        #expect(ledger.settle(place))
        await waiting.value
        #expect(ledger.isEmpty)
    }
}
