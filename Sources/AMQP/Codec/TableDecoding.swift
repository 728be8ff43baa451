import CRabbitMQ

extension FieldTable {
    /// Copies a table that librabbitmq decoded; the scanner has bounded its depth.
    init(decoded table: amqp_table_t) {
        self.init()
        let count = Int(table.num_entries)
        fields.reserveCapacity(count)
        for entry in UnsafeBufferPointer(start: table.entries, count: count) {
            append(entry.key.text, FieldValue(decoded: entry.value))
        }
    }

    /// Decodes one encoded table, length word included.
    init(encoded bytes: UnsafeRawBufferPointer) throws(AMQPError) {
        try WireScanner.checkTable(bytes)
        let pool = DecodingPool()
        var table = amqp_table_t()
        var offset = 0
        guard amqp_decode_table(amqp_bytes_t(borrowing: bytes), pool.pointer, &table, &offset) == 0 else {
            throw AMQPError(.malformed, "the table cannot be decoded")
        }
        self.init(decoded: table)
        _ = consume pool
    }
}

extension FieldValue {
    init(decoded field: amqp_field_value_t) {
        let value = field.value
        switch UnicodeScalar(field.kind) {
        case "t": self = .bool(value.boolean != 0)
        case "b": self = .int8(value.i8)
        case "B": self = .uint8(value.u8)
        case "s": self = .int16(value.i16)
        case "u": self = .uint16(value.u16)
        case "I": self = .int32(value.i32)
        case "i": self = .uint32(value.u32)
        case "l": self = .int64(value.i64)
        case "L": self = .uint64(value.u64)
        case "f": self = .float(value.f32)
        case "d": self = .double(value.f64)
        case "D": self = .decimal(scale: value.decimal.decimals, value: value.decimal.value)
        case "S":
            let bytes = value.bytes.buffer
            // Nearly always; validating asks the runtime for generic types each time.
            if bytes.isASCII {
                self = .string(String(decoding: bytes, as: UTF8.self))
                return
            }
            self = String(validating: bytes, as: UTF8.self).map(FieldValue.string) ?? .bytes(Array(bytes))
        case "x": self = .bytes(Array(value.bytes.buffer))
        case "T": self = .timestamp(value.u64)
        case "A":
            let entries = UnsafeBufferPointer(start: value.array.entries, count: Int(value.array.num_entries))
            self = .array(entries.map(FieldValue.init(decoded:)))
        case "F": self = .table(FieldTable(decoded: value.table))
        default: self = .void
        }
    }
}
