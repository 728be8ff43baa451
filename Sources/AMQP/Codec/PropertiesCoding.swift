import CRabbitMQ

extension BasicProperties {
    /// What encoding the properties takes: bytes on the wire, and of scratch memory.
    ///
    /// Proves on the way that librabbitmq can encode them: string lengths, keys, depth, counts.
    func measure() throws(AMQPError) -> (encoded: Int, scratch: Int) {
        // Written out, for a list of them would cost more than the rest: this runs per message.
        var strings = ShortStringMeasure()
        try strings.add("content-type", contentType)
        try strings.add("content-encoding", contentEncoding)
        try strings.add("correlation-id", correlationID)
        try strings.add("reply-to", replyTo)
        try strings.add("expiration", expiration)
        try strings.add("message-id", messageID)
        try strings.add("type", type)
        try strings.add("user-id", userID)
        try strings.add("app-id", appID)
        try strings.add("cluster-id", clusterID)
        let encoded = 2 + 1 + 1 + 8 + strings.encoded
        guard !headers.isEmpty else { return (encoded, strings.scratch) }
        let table = try TableMeasure(headers)
        return (encoded + table.encoded, strings.scratch + table.scratch)
    }

    /// Encodes into `target`; `nil` if it does not fit.
    func encode(into target: UnsafeMutableRawBufferPointer, scratch: inout Scratch) -> Int? {
        var properties = amqp_basic_properties_t()
        var flags: amqp_flags_t = 0
        func string(_ value: String?, _ bit: Int, _ scratch: inout Scratch) -> amqp_bytes_t {
            guard let value else { return amqp_bytes_t(len: 0, bytes: nil) }
            flags |= 1 << bit
            return scratch.bytes(value)
        }
        properties.content_type = string(contentType, 15, &scratch)
        properties.content_encoding = string(contentEncoding, 14, &scratch)
        if !headers.isEmpty {
            flags |= 1 << 13
            properties.headers = scratch.table(headers)
        }
        if let deliveryMode {
            flags |= 1 << 12
            properties.delivery_mode = deliveryMode
        }
        if let priority {
            flags |= 1 << 11
            properties.priority = priority
        }
        properties.correlation_id = string(correlationID, 10, &scratch)
        properties.reply_to = string(replyTo, 9, &scratch)
        properties.expiration = string(expiration, 8, &scratch)
        properties.message_id = string(messageID, 7, &scratch)
        if let timestamp {
            flags |= 1 << 6
            properties.timestamp = timestamp
        }
        properties.type = string(type, 5, &scratch)
        properties.user_id = string(userID, 4, &scratch)
        properties.app_id = string(appID, 3, &scratch)
        properties.cluster_id = string(clusterID, 2, &scratch)
        properties._flags = flags
        let room = amqp_bytes_t(len: target.count, bytes: target.baseAddress)
        let count = withUnsafeMutablePointer(to: &properties) {
            amqp_encode_properties(UInt16(AMQP_BASIC_CLASS), $0, room)
        }
        return count < 0 ? nil : Int(count)
    }

    /// Decodes a property list (flags, then values) after proving that it is well-formed.
    init(encoded bytes: UnsafeRawBufferPointer) throws(AMQPError) {
        let pool = DecodingPool()
        self.init(decoded: try amqp_basic_properties_t(encoded: bytes, pool))
        _ = consume pool
    }

    private init(decoded: amqp_basic_properties_t) {
        self.init()
        if decoded.has(15) { contentType = decoded.content_type.text }
        if decoded.has(14) { contentEncoding = decoded.content_encoding.text }
        if decoded.has(13) { headers = FieldTable(decoded: decoded.headers) }
        if decoded.has(12) { deliveryMode = decoded.delivery_mode }
        if decoded.has(11) { priority = decoded.priority }
        if decoded.has(10) { correlationID = decoded.correlation_id.text }
        if decoded.has(9) { replyTo = decoded.reply_to.text }
        if decoded.has(8) { expiration = decoded.expiration.text }
        if decoded.has(7) { messageID = decoded.message_id.text }
        if decoded.has(6) { timestamp = decoded.timestamp }
        if decoded.has(5) { type = decoded.type.text }
        if decoded.has(4) { userID = decoded.user_id.text }
        if decoded.has(3) { appID = decoded.app_id.text }
        if decoded.has(2) { clusterID = decoded.cluster_id.text }
    }
}

extension amqp_basic_properties_t {
    /// Decodes a property list (flags, then values) into the pool, after proving that it is well-formed.
    init(encoded bytes: UnsafeRawBufferPointer, _ pool: borrowing DecodingPool) throws(AMQPError) {
        try WireScanner.checkProperties(bytes)
        var decoded: UnsafeMutableRawPointer?
        let status = amqp_decode_properties(
            UInt16(AMQP_BASIC_CLASS), pool.pointer, amqp_bytes_t(borrowing: bytes), &decoded)
        guard status == 0, let decoded else { throw AMQPError(.malformed, "the properties cannot be decoded") }
        self = decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee
    }

    /// Whether a property is set: fields whose flag is not set hold what the pool's memory held before.
    func has(_ bit: Int) -> Bool { _flags & (1 << bit) != 0 }
}
