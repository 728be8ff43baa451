import CRabbitMQ

/// Checks a table that a caller wants to send and measures what encoding it takes.
///
/// librabbitmq truncates over-long keys silently and recurses as deep as it is told, so both are refused here.
struct TableMeasure {
    /// How many bytes the encoded table has.
    private(set) var encoded = 0
    /// How many bytes of C structures and copied strings the library is given.
    private(set) var scratch = 0
    private var fieldsLeft = CodecLimits.fields

    init(_ table: FieldTable) throws(AMQPError) {
        try add(table, depth: 1)
    }

    private static func invalid(_ what: String) -> AMQPError {
        AMQPError(.invalidArgument, what)
    }

    private mutating func add(_ table: FieldTable, depth: Int) throws(AMQPError) {
        guard depth <= CodecLimits.depth else { throw Self.invalid("a table nests deeper than \(CodecLimits.depth)") }
        encoded += 4
        scratch += Scratch.bytes(of: amqp_table_entry_t.self, count: table.count)
        for field in table.fields {
            let length = field.key.utf8.count
            guard length > 0 else { throw Self.invalid("a table has an empty key") }
            guard length <= CodecLimits.sentKeyBytes else {
                throw Self.invalid(
                    "the key \"\(field.key.prefix(24))…\" has \(length) bytes; at most \(CodecLimits.sentKeyBytes) fit")
            }
            encoded += 1 + length
            scratch += length
            try add(field.value, key: field.key, depth: depth)
        }
    }

    private mutating func add(_ value: FieldValue, key: String, depth: Int) throws(AMQPError) {
        fieldsLeft -= 1
        guard fieldsLeft >= 0 else { throw Self.invalid("a table has more than \(CodecLimits.fields) fields") }
        encoded += 1
        switch value {
        case .void: break
        case .bool, .int8, .uint8: encoded += 1
        case .int16, .uint16: encoded += 2
        case .int32, .uint32, .float: encoded += 4
        case .decimal: encoded += 5
        case .uint64(let number):
            guard number <= UInt64(Int64.max) else {
                throw Self.invalid("\(key): \(number) does not fit into 63 bits; send it as text")
            }
            encoded += 8
        case .int64, .double, .timestamp: encoded += 8
        case .string(let string):
            encoded += 4 + string.utf8.count
            scratch += string.utf8.count
        case .bytes(let bytes):
            encoded += 4 + bytes.count
            scratch += bytes.count
        case .table(let table): try add(table, depth: depth + 1)
        case .array(let values):
            guard depth < CodecLimits.depth else {
                throw Self.invalid("a table nests deeper than \(CodecLimits.depth)")
            }
            encoded += 4
            scratch += Scratch.bytes(of: amqp_field_value_t.self, count: values.count)
            for value in values { try add(value, key: key, depth: depth + 1) }
        }
    }
}
