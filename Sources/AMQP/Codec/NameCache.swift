/// Remembers the last names seen, so that a run of deliveries from one queue makes no string each.
struct NameCache: Sendable {
    struct Slot: Sendable {
        private var last = ""

        mutating func string(_ bytes: UnsafeRawBufferPointer) -> String {
            let isSame =
                last.utf8.withContiguousStorageIfAvailable { known in
                    known.count == bytes.count && bytes.elementsEqual(known)
                } ?? false
            if !isSame { last = String(decoding: bytes, as: UTF8.self) }
            return last
        }
    }

    var consumerTag = Slot()
    var exchange = Slot()
    var routingKey = Slot()
}
