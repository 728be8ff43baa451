/// A value of a field table: every kind of AMQP 0-9-1 as RabbitMQ speaks it.
public enum FieldValue: Sendable, Hashable {
    /// A truth value, `t`.
    case bool(Bool)
    /// A signed 8-bit integer, `b`.
    case int8(Int8)
    /// An unsigned 8-bit integer, `B`.
    case uint8(UInt8)
    /// A signed 16-bit integer, `s`.
    case int16(Int16)
    /// An unsigned 16-bit integer, `u`.
    case uint16(UInt16)
    /// A signed 32-bit integer, `I`.
    case int32(Int32)
    /// An unsigned 32-bit integer, `i`.
    case uint32(UInt32)
    /// A signed 64-bit integer, `l`.
    case int64(Int64)
    /// An unsigned 64-bit integer.
    ///
    /// It is sent as `l`, because brokers turn `L` into `l` when they dead-letter a message; a value above
    /// `Int64.max` is refused locally for that reason.
    case uint64(UInt64)
    /// A 32-bit floating-point number, `f`.
    case float(Float)
    /// A 64-bit floating-point number, `d`.
    case double(Double)
    /// A decimal number `value / 10^scale`, `D`.
    case decimal(scale: UInt8, value: UInt32)
    /// A text, `S`.
    case string(String)
    /// Bytes, `x`; also what a received `S` that is not UTF-8 becomes.
    case bytes([UInt8])
    /// Seconds since 1970, `T`.
    case timestamp(UInt64)
    /// A list, `A`.
    case array([FieldValue])
    /// A nested table, `F`.
    case table(FieldTable)
    /// No value, `V`.
    case void
}

extension FieldValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// A text.
    public init(stringLiteral value: String) {
        self = .string(value)
    }

    /// A signed 64-bit integer, which is what brokers expect of numeric arguments.
    public init(integerLiteral value: Int64) {
        self = .int64(value)
    }

    /// A truth value.
    public init(booleanLiteral value: Bool) {
        self = .bool(value)
    }
}

extension FieldValue: ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    /// A 64-bit floating-point number.
    public init(floatLiteral value: Double) {
        self = .double(value)
    }

    /// A list.
    public init(arrayLiteral elements: FieldValue...) {
        self = .array(elements)
    }

    /// A nested table, its values in the given order.
    public init(dictionaryLiteral elements: (String, FieldValue)...) {
        var table = FieldTable()
        for (key, value) in elements { table[key] = value }
        self = .table(table)
    }
}

extension FieldValue {
    /// The text, if this is one.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The floating-point number, if this is one, of either width.
    public var doubleValue: Double? {
        switch self {
        case .float(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// The list, if this is one.
    public var arrayValue: [FieldValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The table, if this is one.
    public var tableValue: FieldTable? {
        if case .table(let value) = self { value } else { nil }
    }

    /// The truth value, if this is one.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The number, if this is an integer of any width that fits.
    public var integerValue: Int64? {
        switch self {
        case .int8(let value): Int64(value)
        case .uint8(let value): Int64(value)
        case .int16(let value): Int64(value)
        case .uint16(let value): Int64(value)
        case .int32(let value): Int64(value)
        case .uint32(let value): Int64(value)
        case .int64(let value): value
        case .uint64(let value): Int64(exactly: value)
        default: nil
        }
    }
}
