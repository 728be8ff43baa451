import Testing

@testable import AMQP

@Suite struct `Hostile properties` {
    typealias Bytes = BrokerBytes

    /// A property list that holds one header table with these bytes inside.
    private func headers(_ inside: [UInt8], flags: UInt16 = 1 << 13) -> [UInt8] {
        Bytes.bytes(flags) + Bytes.bytes(UInt32(inside.count)) + inside
    }

    private func refusal(_ bytes: [UInt8]) -> AMQPError? {
        do {
            _ = try BasicProperties(encodedBytes: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [33, 1000, 18_000, 26_000]) func `arrays nested deep are refused, not followed`(depth: Int) {
        // The generator of the broker-relayed crash of librabbitmq 0.11.
        var inside = Bytes.short("k")
        for level in 0..<depth { inside += Array("A".utf8) + Bytes.bytes(UInt32((depth - level - 1) * 5)) }
        #expect(refusal(headers(inside))?.code == .malformed)
    }

    @Test func `tables nested deep are refused, not followed`() {
        var inside: [UInt8] = Bytes.short("k") + Array("V".utf8)
        for _ in 0..<500 { inside = Bytes.short("k") + Array("F".utf8) + Bytes.bytes(UInt32(inside.count)) + inside }
        #expect(refusal(headers(inside))?.code == .malformed)
    }

    @Test func `a table of very many fields is refused`() {
        let inside = Array(repeating: Bytes.short("k") + Array("V".utf8), count: 40_000).flatMap { $0 }
        #expect(refusal(headers(inside))?.message.contains("4096") == true)
    }

    @Test func `an empty key is refused`() {
        #expect(refusal(headers([0] + Array("V".utf8)))?.message.contains("empty key") == true)
    }

    @Test func `a key that is not UTF-8 is refused`() {
        #expect(refusal(headers([2, 0xC3, 0x28] + Array("V".utf8)))?.code == .malformed)
    }

    @Test func `an unknown kind is refused`() {
        #expect(refusal(headers(Bytes.short("k") + Array("Z".utf8)))?.message.contains("unknown kind") == true)
    }

    @Test(arguments: ["S", "x", "A", "F"]) func `a length that lies is refused`(kind: String) {
        for length in [1, 5, 0x7FFF_FFFF, UInt32.max] {
            #expect(refusal(headers(Bytes.short("k") + Array(kind.utf8) + Bytes.bytes(length)))?.code == .malformed)
        }
    }

    @Test func `a value that reaches past its table is refused`() {
        // The table says 7 bytes; the 64-bit value in it needs 8 after key and kind.
        let inside = Bytes.short("k") + Array("l".utf8) + [0, 0, 0, 0]
        let bytes = Bytes.bytes(UInt16(1 << 13)) + Bytes.bytes(UInt32(inside.count)) + inside + [0, 0, 0, 0]
        #expect(refusal(bytes)?.code == .malformed)
    }

    @Test func `a second word of flags is refused before the library sees it`() {
        #expect(refusal([0, 1, 0, 0])?.code == .malformed)
        #expect(refusal([0xFF, 0xFF])?.code == .malformed)
        #expect(refusal([0, 2])?.code == .malformed)
    }

    @Test func `bytes after the properties are refused`() {
        #expect(refusal([0, 0, 0])?.code == .malformed)
        #expect(refusal([]) != nil)
    }

    @Test func `a property list cut off anywhere is refused`() throws {
        let message = PropertiesTests.full
        let bytes = try message.encodedProperties()
        #expect(try BasicProperties(encodedBytes: bytes) == message.properties)
        for length in 0..<bytes.count {
            #expect(refusal(Array(bytes.prefix(length)))?.code == .malformed, "cut at \(length)")
        }
    }

    @Test func `a byte changed anywhere never does worse than an error`() throws {
        let bytes = try PropertiesTests.full.encodedProperties()
        for index in bytes.indices {
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var changed = bytes
                changed[index] = value
                _ = refusal(changed)
            }
        }
    }

    @Test func `random bytes never do worse than an error`() {
        var generator = SplitMix(state: 7)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...64, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            _ = refusal(bytes)
            _ = refusal(headers(bytes))
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
