import CRabbitMQ

/// Memory for the C structures and strings of one encoding call.
///
/// It is a piece of the caller's stack, measured beforehand, and gone when the call returns.
struct Scratch {
    private let memory: UnsafeMutableRawBufferPointer
    private var used = 0

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    /// How much room an array takes at most, alignment included.
    static func bytes<T>(of _: T.Type, count: Int) -> Int {
        count * MemoryLayout<T>.stride + MemoryLayout<T>.alignment
    }

    private mutating func take(_ count: Int, alignment: Int = 1) -> UnsafeMutableRawPointer? {
        guard let base = memory.baseAddress else { return nil }
        let start = (base + used).alignedUp(toMultipleOf: alignment)
        used = base.distance(to: start) + count
        precondition(used <= memory.count, "the measure of an encoding was too small")
        return start
    }

    /// Copies a string.
    mutating func bytes(_ string: String) -> amqp_bytes_t {
        let utf8 = string.utf8
        let count = utf8.count
        guard count > 0, let start = take(count) else { return amqp_bytes_t(len: 0, bytes: nil) }
        let target = UnsafeMutableRawBufferPointer(start: start, count: count)
        if utf8.withContiguousStorageIfAvailable({ target.copyMemory(from: UnsafeRawBufferPointer($0)) }) == nil {
            target.copyBytes(from: utf8)
        }
        return amqp_bytes_t(len: count, bytes: start)
    }

    /// Copies bytes.
    mutating func bytes(_ bytes: [UInt8]) -> amqp_bytes_t {
        guard !bytes.isEmpty, let start = take(bytes.count) else { return amqp_bytes_t(len: 0, bytes: nil) }
        UnsafeMutableRawBufferPointer(start: start, count: bytes.count).copyBytes(from: bytes)
        return amqp_bytes_t(len: bytes.count, bytes: start)
    }

    /// Builds the C form of a table.
    mutating func table(_ table: FieldTable) -> amqp_table_t {
        guard let entries = array(of: amqp_table_entry_t.self, count: table.count) else {
            return amqp_table_t(num_entries: 0, entries: nil)
        }
        for (index, field) in table.fields.enumerated() {
            entries[index] = amqp_table_entry_t(key: bytes(field.key), value: value(field.value))
        }
        return amqp_table_t(num_entries: Int32(table.count), entries: entries)
    }

    private mutating func array<T>(of type: T.Type, count: Int) -> UnsafeMutablePointer<T>? {
        guard count > 0 else { return nil }
        return take(count * MemoryLayout<T>.stride, alignment: MemoryLayout<T>.alignment)?
            .bindMemory(to: type, capacity: count)
    }

    private mutating func value(_ value: FieldValue) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        field.kind = value.sentKind
        switch value {
        case .bool(let value): field.value.boolean = value ? 1 : 0
        case .int8(let value): field.value.i8 = value
        case .uint8(let value): field.value.u8 = value
        case .int16(let value): field.value.i16 = value
        case .uint16(let value): field.value.u16 = value
        case .int32(let value): field.value.i32 = value
        case .uint32(let value): field.value.u32 = value
        case .int64(let value): field.value.i64 = value
        case .uint64(let value): field.value.i64 = Int64(clamping: value)
        case .float(let value): field.value.f32 = value
        case .double(let value): field.value.f64 = value
        case .decimal(let scale, let value): field.value.decimal = amqp_decimal_t(decimals: scale, value: value)
        case .string(let value): field.value.bytes = bytes(value)
        case .bytes(let value): field.value.bytes = bytes(value)
        case .timestamp(let value): field.value.u64 = value
        case .table(let value): field.value.table = table(value)
        case .array(let values):
            let entries = array(of: amqp_field_value_t.self, count: values.count)
            for (index, element) in values.enumerated() { entries?[index] = self.value(element) }
            field.value.array = amqp_array_t(num_entries: Int32(values.count), entries: entries)
        case .void: break
        }
        return field
    }
}

extension FieldValue {
    /// The letter that stands for the kind on the wire; an unsigned 64-bit integer goes out as a signed one.
    var sentKind: UInt8 {
        let letter: UnicodeScalar =
            switch self {
            case .bool: "t"
            case .int8: "b"
            case .uint8: "B"
            case .int16: "s"
            case .uint16: "u"
            case .int32: "I"
            case .uint32: "i"
            case .int64, .uint64: "l"
            case .float: "f"
            case .double: "d"
            case .decimal: "D"
            case .string: "S"
            case .bytes: "x"
            case .timestamp: "T"
            case .array: "A"
            case .table: "F"
            case .void: "V"
            }
        return UInt8(truncatingIfNeeded: letter.value)
    }
}
