import Testing

@testable import AMQP

@Suite struct `Field tables` {
    static let everyKind: [(FieldValue, FieldValue)] = [
        (.bool(true), .bool(true)), (.bool(false), .bool(false)), (.int8(-7), .int8(-7)), (.uint8(200), .uint8(200)),
        (.int16(-30_000), .int16(-30_000)), (.uint16(60_000), .uint16(60_000)),
        (.int32(-2_000_000_000), .int32(-2_000_000_000)), (.uint32(4_000_000_000), .uint32(4_000_000_000)),
        (.int64(.min), .int64(.min)), (.uint64(UInt64(Int64.max)), .int64(.max)), (.float(1.5), .float(1.5)),
        (.double(-2.25), .double(-2.25)), (.decimal(scale: 2, value: 12_345), .decimal(scale: 2, value: 12_345)),
        (.string("Åsa Öberg"), .string("Åsa Öberg")), (.string(""), .string("")),
        (.bytes([0, 255, 1]), .bytes([0, 255, 1])),
        (.timestamp(1_700_000_000), .timestamp(1_700_000_000)), (.void, .void), (.array([]), .array([])),
        (.array([1, "two", .array([true]), .table(["k": 3])]), .array([1, "two", .array([true]), .table(["k": 3])])),
        (.table([:]), .table([:])),
        (.table(["a": .table(["b": "c"]), "d": .void]), .table(["a": .table(["b": "c"]), "d": .void])),
    ]

    private func roundTrip(_ headers: FieldTable) throws -> FieldTable {
        try BasicProperties(encodedBytes: encoded(headers)).headers
    }

    private func encoded(_ headers: FieldTable) throws -> [UInt8] {
        var message = OutgoingMessage.test([])
        message.properties.headers = headers
        return try message.encodedProperties()
    }

    @Test(arguments: everyKind) func `every kind comes back as it was sent`(sent: FieldValue, back: FieldValue) throws {
        #expect(try roundTrip(["first": 1, "key": sent, "last": true]) == ["first": 1, "key": back, "last": true])
    }

    @Test func `order and number of fields are kept`() throws {
        var table = FieldTable()
        for index in 0..<1000 { table["key-\(999 - index)"] = .int64(Int64(index)) }
        #expect(try roundTrip(table) == table)
    }

    @Test func `a text that is not UTF-8 is received as bytes`() throws {
        var bytes = try encoded(["k": "abc"])
        bytes[bytes.count - 1] = 0xFF
        #expect(try BasicProperties(encodedBytes: bytes).headers["k"] == .bytes([0x61, 0x62, 0xFF]))
    }

    @Test func `an unsigned number above 63 bits is refused, since a broker would change it`() {
        #expect(throws: AMQPError.self) { try encoded(["k": .uint64(.max)]) }
    }

    @Test(arguments: [0, 129, 300]) func `an empty or over-long key is refused locally`(length: Int) {
        let error = #expect(throws: AMQPError.self) { try encoded([String(repeating: "k", count: length): 1]) }
        #expect(error?.code == .invalidArgument)
    }

    @Test func `the longest key is sent`() throws {
        let table: FieldTable = [String(repeating: "k", count: 128): 1]
        #expect(try roundTrip(table) == table)
    }

    @Test func `nesting is bounded when sending`() throws {
        func nested(_ depth: Int) -> FieldTable {
            var table: FieldTable = ["leaf": 1]
            for _ in 1..<depth { table = ["nested": .table(table)] }
            return table
        }
        #expect(try roundTrip(nested(32)) == nested(32))
        #expect(throws: AMQPError.self) { try encoded(nested(33)) }
        var value = FieldValue.array([])
        for _ in 0..<31 { value = .array([value]) }
        #expect(throws: AMQPError.self) { try encoded(["k": value]) }
    }

    @Test func `the number of fields is bounded when sending`() {
        let table: FieldTable = ["k": .array(Array(repeating: .void, count: 5000))]
        #expect(throws: AMQPError.self) { try encoded(table) }
    }
}
