#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Remembers the names seen lately, so that deliveries from the same queues make no strings.
package struct NameCache: Sendable {
    /// Names of one kind: as many as there are places, whatever arrives.
    package struct Names: Sendable {
        private var known = [String](repeating: "", count: NameCache.count)

        package init() {}

        /// The string of a text; the one made before, where it still has its place.
        package mutating func string(_ text: BorrowedText) -> String { string(text.bytes) }

        /// The string of these bytes; the one made before, where it still has its place.
        mutating func string(_ bytes: UnsafeRawBufferPointer) -> String {
            guard !bytes.isEmpty else { return "" }
            let place = NameCache.place(bytes)
            if NameCache.isSame(known[place], bytes) { return known[place] }
            let string = String(decoding: bytes, as: UTF8.self)
            known[place] = string
            return string
        }
    }

    private static let count = 64

    var consumerTag = Names()
    var exchange = Names()
    var routingKey = Names()
    private var routes = [DeliveryRoute?](repeating: nil, count: count)

    /// The names on a delivery.
    mutating func route(
        _ consumerTag: UnsafeRawBufferPointer, _ exchange: UnsafeRawBufferPointer, _ routingKey: UnsafeRawBufferPointer
    ) -> DeliveryRoute {
        let place = (Self.place(consumerTag) &+ Self.place(exchange) &* 3 &+ Self.place(routingKey) &* 7) % Self.count
        if let known = routes[place], Self.isSame(known.consumerTag, consumerTag),
            Self.isSame(known.exchange, exchange), Self.isSame(known.routingKey, routingKey)
        {
            return known
        }
        let route = DeliveryRoute(
            consumerTag: self.consumerTag.string(consumerTag), exchange: self.exchange.string(exchange),
            routingKey: self.routingKey.string(routingKey))
        routes[place] = route
        return route
    }

    /// Names that differ mostly do so near their end.
    private static func place(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let last = bytes.last else { return 0 }
        let beforeLast = bytes.count > 1 ? bytes[bytes.count - 2] : 0
        return (Int(last) &+ Int(beforeLast) &* 31 &+ bytes.count) % count
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
