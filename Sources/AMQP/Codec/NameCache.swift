#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Remembers the names seen lately, so that deliveries from the same queues make no strings.
struct NameCache: Sendable {
    struct Names: Sendable {
        private static let count = 64
        private var known = [String](repeating: "", count: count)

        /// The string of these bytes; the one made before, where it still has its place.
        mutating func string(_ bytes: UnsafeRawBufferPointer) -> String {
            guard let last = bytes.last else { return "" }
            // Names that differ mostly do so near their end.
            let beforeLast = bytes.count > 1 ? bytes[bytes.count - 2] : 0
            let place = (Int(last) &+ Int(beforeLast) &* 31 &+ bytes.count) % Self.count
            if Self.isSame(known[place], bytes) { return known[place] }
            let string = String(decoding: bytes, as: UTF8.self)
            known[place] = string
            return string
        }

        private static func isSame(_ string: String, _ bytes: UnsafeRawBufferPointer) -> Bool {
            let utf8 = string.utf8
            guard utf8.count == bytes.count else { return false }
            return utf8.withContiguousStorageIfAvailable { known in
                guard let lhs = known.baseAddress, let rhs = bytes.baseAddress else { return bytes.isEmpty }
                return memcmp(lhs, rhs, bytes.count) == 0
            } ?? utf8.elementsEqual(bytes)
        }
    }

    var consumerTag = Names()
    var exchange = Names()
    var routingKey = Names()
}
