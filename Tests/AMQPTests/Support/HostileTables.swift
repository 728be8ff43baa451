@testable import AMQP

/// Field tables that no library of ours would write.
enum HostileTables {
    private static func table(_ inside: [UInt8]) -> [UInt8] { BrokerBytes.bytes(UInt32(inside.count)) + inside }

    private static func field(_ key: [UInt8], _ kind: Character, _ value: [UInt8] = []) -> [UInt8] {
        [UInt8(key.count)] + key + [kind.asciiValue ?? 0] + value
    }

    private static func field(_ kind: Character, _ value: [UInt8]) -> [UInt8] {
        field(Array("k".utf8), kind, value)
    }

    /// Arrays in arrays: what a real broker relays and librabbitmq 0.11 overflows its stack on.
    static func nestedArrays(_ depth: Int) -> [UInt8] {
        var inside = BrokerBytes.short("k")
        for level in 0..<depth { inside += Array("A".utf8) + BrokerBytes.bytes(UInt32((depth - level - 1) * 5)) }
        return table(inside)
    }

    static func nestedTables(_ depth: Int) -> [UInt8] {
        var inside: [UInt8] = []
        for level in 0..<depth { inside += field("F", BrokerBytes.bytes(UInt32((depth - level - 1) * 7))) }
        return table(inside)
    }

    /// What must be refused, and a telling word of the refusal.
    static let malformed: [(name: String, bytes: [UInt8], word: String)] = [
        ("arrays nested 33 deep", nestedArrays(33), "nests deeper than 32"),
        ("arrays nested 18 000 deep", nestedArrays(18_000), "nests deeper than 32"),
        ("arrays nested 26 000 deep", nestedArrays(26_000), "nests deeper than 32"),
        ("tables nested 18 000 deep", nestedTables(18_000), "nests deeper than 32"),
        ("an empty key", table(field([], "V")), "empty key"),
        ("a key that is not UTF-8", table(field([0xC3, 0x28], "V")), "not UTF-8"),
        ("a value of unknown kind", table(field("Z", [])), "unknown kind"),
        ("more fields than allowed", table(Array(repeating: field("V", []), count: 5000).flatMap { $0 }), "4096"),
        ("an array of more elements than allowed", table(array(5000)), "4096"),
        ("a text longer than the table", table(field("S", BrokerBytes.bytes(UInt32(100)) + [1])), "cut off"),
        ("a text of 4 GiB", table(field("S", BrokerBytes.bytes(UInt32.max))), "cut off"),
        ("a byte array of 2 GiB", table(field("x", BrokerBytes.bytes(UInt32(0x7FFF_FFFF)))), "cut off"),
        ("a nested table of 4 GiB", table(field("F", BrokerBytes.bytes(UInt32.max))), "cut off"),
        (
            "an array that ends inside a value", table(field("A", BrokerBytes.bytes(UInt32(2)) + [0x49, 0, 0, 0, 1])),
            "longer"
        ),
        ("a decimal cut off", table(field("D", [255, 0])), "cut off"),
        ("a table that says it is longer", BrokerBytes.bytes(UInt32(1000)) + field("V", []), "cut off"),
        ("a table of 4 GiB", BrokerBytes.bytes(UInt32.max), "cut off"),
    ]

    private static func array(_ count: Int) -> [UInt8] {
        field("A", BrokerBytes.bytes(UInt32(count)) + Array(repeating: UInt8(ascii: "V"), count: count))
    }

    /// Odd, but well-formed.
    static let odd: [(name: String, bytes: [UInt8])] = [
        ("an empty table", table([])),
        ("the same key twice", table(field("I", [0, 0, 0, 1]) + field("I", [0, 0, 0, 2]))),
        ("a key with NUL and line feeds", table(field([0, 13, 10], "V"))),
        ("a key of 255 bytes", table(field(Array(repeating: 0x6B, count: 255), "V"))),
        ("a decimal of scale 255", table(field("D", [255, 255, 255, 255, 255]))),
        ("the last timestamp", table(field("T", Array(repeating: 255, count: 8)))),
        ("a boolean of 7", table(field("t", [7]))),
        ("a double that is not a number", table(field("d", [0x7F, 0xF8, 0, 0, 0, 0, 0, 0]))),
        ("a text that is not UTF-8", table(field("S", BrokerBytes.bytes(UInt32(2)) + [0xC3, 0x28]))),
        ("an unsigned number above 63 bits", table(field("L", Array(repeating: 255, count: 8)))),
        ("arrays nested 31 deep in a table", nestedArrays(31)),
        ("4096 fields", table(Array(repeating: field("V", []), count: 4096).flatMap { $0 })),
    ]
}
