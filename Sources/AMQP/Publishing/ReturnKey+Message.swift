extension ReturnKey {
    /// The key of a message we send; `properties` are its encoded properties.
    init(_ message: OutgoingMessage, properties: UnsafeRawBufferPointer) {
        self.init(
            exchange: message.exchange, routingKey: message.routingKey, messageID: message.properties.messageID,
            properties: properties, body: message.body)
    }

    init(
        exchange: String, routingKey: String, messageID: String?, properties: UnsafeRawBufferPointer, body: [UInt8]
    ) {
        var route = Hasher()
        route.combine(exchange)
        route.combine(routingKey)
        self.route = route.finalize()
        var content = Hasher()
        if let messageID {
            content.combine(messageID)
        } else {
            content.combine(bytes: properties)
            body.withUnsafeBytes { content.combine(bytes: $0) }
        }
        self.content = content.finalize()
    }
}
