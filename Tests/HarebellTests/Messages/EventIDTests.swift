import HarebellTesting
import Testing

@testable import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct EventIDTests {
    private struct Parts {
        let milliseconds: UInt64
        let version: Character
        let variant: Character

        init?(_ id: String) {
            let groups = id.split(separator: "-").map(String.init)
            guard groups.map(\.count) == [8, 4, 4, 4, 12], let time = UInt64(groups[0] + groups[1], radix: 16),
                let version = groups[2].first, let variant = groups[3].first
            else { return nil }
            (milliseconds, self.version, self.variant) = (time, version, variant)
        }
    }

    @Test func `a new id is a UUID of version 7 made now`() throws {
        let parts = try #require(Parts(EventID.make().rawValue))
        #expect(parts.version == "7")
        #expect("89ab".contains(parts.variant))
        let age = Date().timeIntervalSince1970 * 1_000 - Double(parts.milliseconds)
        #expect(age > -60_000 && age < 60_000)
    }

    @Test func `ids of one process grow`() {
        let ids = (0..<5_000).map { _ in EventID.make().rawValue }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
    }

    @Test func `ids grow when many tasks make them`() async {
        let all = await withTaskGroup(of: [String].self) { group in
            for _ in 0..<4 { group.addTask { (0..<500).map { _ in EventID.make().rawValue } } }
            var all: [[String]] = []
            for await ids in group { all.append(ids) }
            return all
        }
        for ids in all { #expect(ids == ids.sorted()) }
        #expect(Set(all.flatMap { $0 }).count == 2_000)
    }

    @Test func `ids grow when the clock steps back`() {
        let sequence = UUIDv7Sequence()
        var random = SeededGenerator(seed: 1)
        let first = sequence.next(milliseconds: 2_000, using: &random)
        let second = sequence.next(milliseconds: 1_000, using: &random)
        #expect(first < second)
        #expect(Parts(second)?.milliseconds == 2_000)
    }

    @Test func `ids grow when one millisecond has more than the counter holds`() {
        let sequence = UUIDv7Sequence()
        var random = SeededGenerator(seed: 2)
        let ids = (0..<9_000).map { _ in sequence.next(milliseconds: 5_000, using: &random) }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
        #expect(ids.last.flatMap { Parts($0)?.milliseconds } ?? 0 > 5_000)
    }

    @Test func `the time is the first 48 bits`() {
        var random = SeededGenerator(seed: 3)
        let id = UUIDv7Sequence().next(milliseconds: 0x0123_4567_89AB, using: &random)
        #expect(id.hasPrefix("01234567-89ab-7"))
    }

    @Test func `a derived id is a UUID of version 8 that never changes`() {
        let incoming = EventID("018f0000-0000-7000-8000-000000000001")
        let id = EventID.derived(from: incoming, service: "email", handler: "SendReceipt", index: 0)
        #expect(id.rawValue == "59c457d6-813c-8120-901c-80c61aa71140")
    }

    @Test func `every part of the derivation matters`() {
        let ids = [
            EventID.derived(from: EventID("a"), service: "s", handler: "h", index: 0),
            EventID.derived(from: EventID("b"), service: "s", handler: "h", index: 0),
            EventID.derived(from: EventID("a"), service: "t", handler: "h", index: 0),
            EventID.derived(from: EventID("a"), service: "s", handler: "i", index: 0),
            EventID.derived(from: EventID("a"), service: "s", handler: "h", index: 1),
            EventID.derived(from: EventID("as"), service: ServiceName(unchecked: ""), handler: "h", index: 0),
            EventID.derived(from: EventID("a"), service: "s", handler: "h0", index: 0),
        ]
        #expect(Set(ids).count == ids.count)
    }
}
