import NIOCore
import Testing

@testable import AMQP

@Suite struct `Confirm tracker` {
    private final class Log {
        var tracker = ConfirmTracker<Int>()
        var outcomes: [Int: [PublishOutcome]] = [:]

        func publish(_ waiters: Range<Int>, route: Int = 0) {
            for waiter in waiters {
                tracker.append(waiter, key: ReturnKey(route: route, content: waiter), deadline: nil)
            }
        }

        @discardableResult
        func markReturned(_ key: ReturnKey, code: UInt16, text: String) -> Bool {
            tracker.markReturned(key, code: code, text: text)
        }

        @discardableResult
        func confirm(_ tag: UInt64, multiple: Bool = false, isAck: Bool = true) -> Bool {
            var resolved: [(Int, PublishOutcome)] = []
            let isKnown = tracker.confirm(tag: tag, multiple: multiple, isAck: isAck) { resolved.append(($0, $1)) }
            for (waiter, outcome) in resolved { outcomes[waiter, default: []].append(outcome) }
            return isKnown
        }
    }

    @Test func `an ack resolves its publish and no other`() {
        let log = Log()
        log.publish(1..<4)
        log.confirm(2)
        #expect(log.outcomes == [2: [.confirmed]])
        #expect(log.tracker.unconfirmed == 2)
    }

    @Test func `a multiple ack resolves everything up to its tag, once`() {
        let log = Log()
        log.publish(1..<6)
        log.confirm(2, isAck: false)
        log.confirm(4, multiple: true)
        log.confirm(4)
        log.confirm(4, multiple: true)
        #expect(log.outcomes == [1: [.confirmed], 2: [.nacked], 3: [.confirmed], 4: [.confirmed]])
        log.confirm(0, multiple: true)
        #expect(log.outcomes[5] == [.confirmed])
        #expect(log.tracker.unconfirmed == 0)
    }

    @Test func `a multiple nack resolves everything up to its tag`() {
        let log = Log()
        log.publish(1..<4)
        log.confirm(3, multiple: true, isAck: false)
        #expect(log.outcomes == [1: [.nacked], 2: [.nacked], 3: [.nacked]])
    }

    @Test func `one that is never confirmed does not keep those behind it`() {
        let log = Log()
        log.publish(1..<2, route: 7)
        var most = 0
        for number in 2...50_000 {
            log.publish(number..<number + 1)
            log.confirm(UInt64(number))
            most = max(most, log.tracker.kept)
        }
        #expect(most <= 4_097)
        #expect(log.tracker.unconfirmed == 1)
        #expect(log.markReturned(ReturnKey(route: 7, content: 1), code: 312, text: "NO_ROUTE"))
        log.confirm(1)
        log.confirm(1)
        #expect(log.outcomes[1] == [.returned(code: 312, text: "NO_ROUTE")])
        #expect(log.tracker.unconfirmed == 0)
        #expect(log.outcomes.count == 50_000 && log.outcomes.values.allSatisfy { $0.count == 1 })
    }

    @Test func `those that are late are resolved once each, whatever comes in whatever order`() {
        var generator = SplitMix(state: 11)
        for _ in 0..<5 {
            let log = Log()
            var late: [Int] = []
            for number in 1...20_000 {
                log.publish(number..<number + 1)
                if Int.random(in: 0..<500, using: &generator) == 0 {
                    late.append(number)
                } else {
                    log.confirm(UInt64(number))
                }
            }
            #expect(log.tracker.kept <= 4_097 + late.count)
            let given = Set(late.shuffled(using: &generator).prefix(late.count / 4))
            let abandoned = log.tracker.abandon { waiter, _ in given.contains(waiter) }
            #expect(Set(abandoned) == given)
            let half = late[late.count / 2]
            for number in late.filter({ $0 > half }).shuffled(using: &generator) { log.confirm(UInt64(number)) }
            log.confirm(UInt64(half), multiple: true, isAck: false)
            #expect(log.tracker.unconfirmed == 0)
            for number in late {
                let wanted: [PublishOutcome]? = given.contains(number) ? nil : [number > half ? .confirmed : .nacked]
                #expect(log.outcomes[number] == wanted)
            }
            #expect(log.outcomes.values.allSatisfy { $0.count == 1 })
        }
    }

    @Test func `a tag that was never sent is refused`() {
        let log = Log()
        log.publish(1..<3)
        #expect(log.confirm(3) == false)
        #expect(log.confirm(3, multiple: true) == false)
        #expect(log.confirm(0) == false)
        #expect(log.outcomes.isEmpty)
    }

    @Test func `10 000 publishes confirmed in a random order are resolved once each`() {
        let log = Log()
        log.publish(1..<10_001)
        var generator = SplitMix(state: 1)
        var tags = Array(UInt64(1)...10_000)
        tags.shuffle(using: &generator)
        for tag in tags { log.confirm(tag, multiple: tag % 97 == 0, isAck: tag % 3 != 0) }
        #expect(log.outcomes.count == 10_000)
        #expect(log.outcomes.values.allSatisfy { $0.count == 1 })
        #expect(log.tracker.next == 10_001)
    }

    @Test func `a return is told with the ack that follows it`() {
        let log = Log()
        log.publish(1..<4)
        log.markReturned(ReturnKey(route: 0, content: 2), code: 312, text: "NO_ROUTE")
        #expect(log.outcomes.isEmpty)
        log.confirm(3, multiple: true)
        #expect(log.outcomes == [1: [.confirmed], 2: [.returned(code: 312, text: "NO_ROUTE")], 3: [.confirmed]])
    }

    @Test func `returns of equal messages are matched one to one`() {
        let log = Log()
        for waiter in 1...3 { log.tracker.append(waiter, key: ReturnKey(route: 1, content: 1), deadline: nil) }
        for _ in 0..<3 { #expect(log.markReturned(ReturnKey(route: 1, content: 1), code: 312, text: "")) }
        #expect(!log.markReturned(ReturnKey(route: 1, content: 1), code: 312, text: ""))
        log.confirm(3, multiple: true)
        #expect(log.outcomes.values.allSatisfy { $0 == [.returned(code: 312, text: "")] })
    }

    @Test func `a return whose properties the broker rewrote is matched by its route`() {
        let log = Log()
        log.publish(1..<2, route: 1)
        log.publish(2..<3, route: 2)
        log.markReturned(ReturnKey(route: 2, content: 99), code: 312, text: "")
        log.confirm(2, multiple: true)
        #expect(log.outcomes == [1: [.confirmed], 2: [.returned(code: 312, text: "")]])
    }

    @Test func `only a message that may be returned is matched`() {
        let log = Log()
        log.tracker.append(1, key: nil, deadline: nil)
        #expect(!log.markReturned(ReturnKey(route: 0, content: 0), code: 312, text: ""))
        log.confirm(1)
        #expect(log.outcomes == [1: [.confirmed]])
    }

    @Test func `an abandoned publish keeps its number and tells nobody`() {
        let log = Log()
        log.publish(1..<4)
        let abandoned = log.tracker.abandon { waiter, _ in waiter == 2 }
        #expect(abandoned == [2])
        log.confirm(3, multiple: true)
        #expect(log.outcomes == [1: [.confirmed], 3: [.confirmed]])
    }

    @Test func `a call that is given up takes all of its messages, and only those`() {
        let log = Log()
        log.publish(1..<6)
        log.confirm(3)
        let abandoned = log.tracker.abandonCalls([7]) {
            (2...4).contains($0) ? 7 : 8
        } isFirst: {
            $0 == 2
        }
        #expect(abandoned == [2, 4])
        log.confirm(5, multiple: true)
        #expect(log.outcomes == [1: [.confirmed], 3: [.confirmed], 5: [.confirmed]])
    }

    @Test func `giving up what was published last does not look at everything before it`() {
        let log = Log()
        var looks = 0
        for number in 1..<2000 {
            log.publish(number..<number + 1)
            let abandoned = log.tracker.abandonCalls([UInt64(number)]) {
                looks += 1
                return UInt64($0)
            } isFirst: { _ in
                true
            }
            #expect(abandoned == [number])
        }
        // Once to see whether it is meant, once to see that it is found.
        #expect(looks == 2 * 1999)
    }

    @Test func `calls that are given up together cost one look at each publish`() {
        let log = Log()
        log.publish(1..<10_001)
        var looks = 0
        let abandoned = log.tracker.abandonCalls(Set(1...5000)) {
            looks += 1
            return UInt64($0)
        } isFirst: { _ in
            true
        }
        #expect(abandoned == Array(1...5000))
        #expect(looks == 15_000)
    }

    @Test func `messages of a call with another's among them are all given up`() {
        let log = Log()
        log.publish(1..<8)
        // The second call published between two parts of the first.
        let abandoned = log.tracker.abandonCalls([7]) {
            $0 == 4 ? 8 : 7
        } isFirst: {
            $0 == 1
        }
        #expect(abandoned == [1, 2, 3, 5, 6, 7])
    }

    @Test(.timeLimit(.minutes(1)))
    func `giving up what was published last does not copy what was before it`() {
        // With a copy of all entries for each, this would move 100 GB.
        let log = Log()
        log.publish(1..<100_001)
        for number in 100_001...110_000 {
            log.publish(number..<number + 1)
            let abandoned = log.tracker.abandonCalls([UInt64(number)]) {
                UInt64($0)
            } isFirst: { _ in
                true
            }
            #expect(abandoned == [number])
        }
    }

    @Test func `the end of the channel leaves every waiter to be told once`() {
        let log = Log()
        log.publish(1..<4)
        log.confirm(2)
        let left = log.tracker.removeAll()
        #expect(left == [1, 3])
        let none = log.tracker.removeAll()
        #expect(none.isEmpty)
    }
}
