import Testing

@testable import Harebell

/// The table in `Lineup`, row by row.
///
/// Items below 100 are collected under `a.b`, others from 200 on under `c.d`; the rest is
/// handled alone.
@Suite struct LineupTests {
    private let lineup = Box(Lineup<Int>())

    private func seat(_ item: Int, key: String? = nil, size: Int = 3) -> Lineup<Int>.Seat? {
        switch item {
        case ..<100: Lineup.Seat(key: key, type: "a.b", size: size, wait: .seconds(1))
        case 200...: Lineup.Seat(key: key, type: "c.d", size: size, wait: .seconds(1))
        default: nil
        }
    }

    private func collect(_ item: Int, key: String? = nil, at now: Duration = .zero) throws -> Int? {
        let place = try #require(seat(item, key: key))
        return lineup { $0.collect(item, place, now: { now }) }
    }

    private func leave(_ key: String, at now: Duration = .zero) -> Lineup<Int>.Following {
        lineup { $0.leave(key, seat: { seat($0, key: key) }, now: { now }) }
    }

    @Test func `the first opens a batch that waits from then on, and others come into it`() throws {
        let number = try #require(try collect(1, at: .seconds(5)))
        #expect(try collect(2, at: .seconds(6)) == nil)
        #expect(lineup.value.end(of: number) == .seconds(6))
        #expect(lineup.value.collecting?.count == 2)
        #expect(lineup.value.collecting?.until == .seconds(6))
        lineup { $0.close(number) }
        #expect(lineup.value.isClosed(number))
        #expect(lineup { $0.take(number) } == [1, 2])
        #expect(lineup { $0.take(number) }.isEmpty)
    }

    @Test func `a full batch is closed, and the next one opens another`() throws {
        let first = try #require(try collect(1))
        _ = try (collect(2), collect(3))
        #expect(lineup.value.isClosed(first))
        let second = try #require(try collect(4))
        #expect(second != first)
        #expect(lineup { $0.take(first) } == [1, 2, 3])
        #expect(lineup { $0.take(second) } == [4])
    }

    @Test func `each type has a batch of its own`() throws {
        let (first, second) = (try #require(try collect(1)), try #require(try collect(200)))
        _ = try (collect(2), collect(201))
        lineup { $0.closeAll() }
        #expect(lineup.value.collecting == nil)
        #expect(lineup { $0.take(first) } == [1, 2])
        #expect(lineup { $0.take(second) } == [200, 201])
    }

    @Test func `events of one key come into one batch in their order, those after it into the next`() throws {
        let first = try #require(try collect(1, key: "k"))
        _ = try (collect(2, key: "k"), collect(3, key: "k"))
        #expect(lineup.value.isClosed(first))
        #expect(try collect(4, key: "k") == nil, "it waits in its lane")
        #expect(try collect(5, key: "k") == nil)
        let other = try #require(try collect(6, key: "other"), "another key does not wait")
        #expect(lineup { $0.take(first) } == [1, 2, 3])
        #expect(leave("k").opened == nil)
        #expect(leave("k").opened == nil)
        // The last of the batch has left: both come into the open batch.
        #expect(leave("k").opened == nil)
        #expect(lineup.value.isClosed(other))
        #expect(lineup { $0.take(other) } == [6, 4, 5])
    }

    @Test func `more of a key than a batch takes wait for the one after`() throws {
        let first = try #require(try collect(1, key: "k"))
        lineup { $0.close(first) }
        for item in 2...6 { #expect(try collect(item, key: "k") == nil) }
        let second = try #require(leave("k").opened)
        #expect(lineup { $0.take(second) } == [2, 3, 4])
        #expect(leave("k").opened == nil)
        #expect(leave("k").opened == nil)
        let third = try #require(leave("k", at: .seconds(9)).opened)
        #expect(lineup.value.end(of: third) == .seconds(10))
        #expect(lineup { $0.take(third) } == [5, 6])
    }

    @Test func `what is handled alone gets in nowhere, and lets nothing pass`() throws {
        let first = try #require(try collect(1, key: "k"))
        #expect(lineup { $0.enter(100, key: "k") } == false)
        #expect(try collect(2, key: "k") == nil, "it must not overtake the one before it")
        #expect(lineup { $0.take(first) } == [1])
        let following = leave("k")
        #expect(following.single == 100)
        #expect(following.opened == nil)
        let second = try #require(leave("k").opened)
        #expect(lineup { $0.take(second) } == [2])
        #expect(leave("k").single == nil)
        #expect(lineup { $0.enter(101, key: "k") }, "the lane is gone when it is empty")
    }

    @Test func `a batch of another type of the same key waits for the first`() throws {
        let first = try #require(try collect(1, key: "k"))
        #expect(try collect(200, key: "k") == nil)
        #expect(lineup.value.collecting?.count == 1)
        #expect(lineup { $0.take(first) } == [1])
        let second = try #require(leave("k").opened)
        #expect(lineup { $0.take(second) } == [200])
    }
}

@Suite struct BatchTurnTests {
    private let hand: Box<InHand>

    init() { hand = Box(InHand(longestWait: .seconds(840), concurrency: 4, rate: RateLimit(1, burst: 1))) }

    private func arrive(_ count: Int) -> [Int] {
        (0..<count).map { number in
            hand {
                $0.admit(
                    TransportDelivery(
                        receipt: DeliveryReceipt(epoch: 1, tag: UInt64(number)),
                        content: .failure(MalformedMessage(message: "")), attempts: 0, unhandledCount: 0, size: 0),
                    at: .zero)
            }
        }
    }

    private func ask(_ numbers: [Int], at now: Duration = .zero, _ admission: InHand.Admission = .all) -> InHand.Answer?
    {
        hand { $0.gather(numbers) }
        return hand { $0.ask(numbers[0], at: now, admission: admission) }
    }

    @Test func `a batch begins when there is room for all of it, and takes one token`() {
        let places = arrive(7)
        #expect(ask(Array(places[0..<3])) == .begin)
        hand { $0.scatter(places[0]) }
        #expect(ask(Array(places[3..<6]), at: .seconds(1)) == nil, "room for one")
        hand { $0.ended(places[0]) }
        #expect(hand { $0.answers(at: .seconds(1), admission: .all) }.isEmpty, "room for two")
        hand { $0.ended(places[1]) }
        #expect(hand { $0.answers(at: .seconds(1), admission: .all) }.map(\.number) == [places[3]])
        #expect(hand { $0.ask(places[6], at: .seconds(1), admission: .all) } == nil)
        for place in places[2..<6] { hand { $0.ended(place) } }
        #expect(hand { $0.answers(at: .seconds(1), admission: .all) }.isEmpty, "the batch took the token")
        #expect(hand { $0.nextLook(at: .seconds(1)) } == .seconds(2))
        #expect(hand { $0.answers(at: .seconds(2), admission: .all) }.map(\.number) == [places[6]])
    }

    @Test func `those that were handed back meanwhile take no room, and are not begun`() {
        let places = arrive(6)
        _ = hand { $0.takeWaiting(except: places[5]) }
        #expect(ask(places) == .begin)
        #expect(places.filter { place in hand { $0.holds(place) } } == [places[5]])
        #expect(ask([places[0], places[1]]) == .gone)
    }

    @Test func `a probe is a batch of one`() {
        let places = arrive(2)
        #expect(ask(places, .only(places[0])) == nil)
        _ = hand { $0.takeWaiting(except: places[0]) }
        #expect(hand { $0.answers(at: .zero, admission: .only(places[0])) }.map(\.number) == [places[0]])
    }

    @Test func `a batch that has waited for too long does not begin`() {
        let places = arrive(2)
        #expect(ask(places, at: .seconds(841)) == .overdue)
    }
}
