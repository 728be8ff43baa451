/// An ordered table of named values: message headers and the arguments of declarations (AMQP 0-9-1 §4.2.5.5).
///
/// What is sent has names of at most 128 bytes, holds at most 4096 values and nests at most 32 deep; more is refused
/// locally, with `.invalidArgument`.
public struct FieldTable: Sendable, Hashable {
    struct Field: Sendable, Hashable {
        var key: String
        var value: FieldValue
    }

    var fields: [Field]

    /// Makes an empty table.
    public init() {
        fields = []
    }

    /// How many values the table holds.
    public var count: Int { fields.count }

    /// Whether the table holds nothing.
    public var isEmpty: Bool { fields.isEmpty }

    /// The names in order.
    public var keys: [String] { fields.map(\.key) }

    /// The first value of that name; setting replaces it, appends it, or removes it with `nil`.
    public subscript(key: String) -> FieldValue? {
        get { fields.first { $0.key == key }?.value }
        set {
            let index = fields.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): fields[index].value = value
            case (let index?, nil): fields.remove(at: index)
            case (nil, let value?): fields.append(Field(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Appends a value without looking for an earlier one of the same name.
    mutating func append(_ key: String, _ value: FieldValue) {
        fields.append(Field(key: key, value: value))
    }
}

extension FieldTable: ExpressibleByDictionaryLiteral {
    /// A table with the given values in the given order.
    public init(dictionaryLiteral elements: (String, FieldValue)...) {
        self.init()
        for (key, value) in elements { self[key] = value }
    }
}

extension FieldTable: Sequence {
    /// Iterates over names and values in order.
    public struct Iterator: IteratorProtocol {
        private var base: IndexingIterator<[Field]>

        init(_ fields: [Field]) {
            base = fields.makeIterator()
        }

        /// The next name and value.
        public mutating func next() -> (key: String, value: FieldValue)? {
            base.next().map { ($0.key, $0.value) }
        }
    }

    /// Makes an iterator over names and values.
    public func makeIterator() -> Iterator {
        Iterator(fields)
    }
}
