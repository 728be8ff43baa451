import NIOCore

extension FuzzConnection {
    /// The tag of the consumer on channel 2.
    static let consumerTag = "c"

    /// One that is logged in, with a channel for everything a broker may say.
    ///
    /// | channel | state |
    /// |---|---|
    /// | 1 | confirms; eight mandatory publishes under way, half of them with an id |
    /// | 2 | a consumer |
    /// | 3 | one call of every kind under way, in the order of ``calls`` |
    /// | 4 | being closed, a call under way |
    /// | 5 | being opened, with confirms |
    /// | 6 | three basic.get under way, then a consumer being started |
    /// | 7 | not open |
    init(openWith options: Options) {
        self.init(options)
        let frames = options.isSmallFrame ? CodecLimits.minimumFrameMax : 131_072
        reply(0, 10, 10, [0, 9] + [0, 0, 0, 0] + Self.long("PLAIN") + Self.long("en_US"))
        reply(0, 10, 30, [0, 7] + Self.bytes(frames) + [0, 10])
        reply(0, 10, 41, [0])
        for number in UInt16(1)...6 {
            let hasConfirms = number == 1 || number == 5
            openChannel(confirms: hasConfirms)
            guard number != 5 else { continue }
            reply(number, 20, 11, Self.long(""))
            if hasConfirms { reply(number, 85, 11) }
        }
        for id in UInt8(0)..<8 { publish(id: id < 4 ? "m\(id)" : nil, body: [id], on: 1) }
        consume(Self.consumerTag, on: 2)
        reply(2, 60, 11)
        reply(2, 60, 21, Self.short(Self.consumerTag))
        for (method, kind) in Self.calls { call(method, kind, on: 3) }
        call(.queuePurge("q"), .queuePurgeOK, on: 4)
        if let id = id(of: 4) { perform { $0.closeChannel(id, nil) } }
        for _ in 0..<3 { call(.basicGet(queue: "q"), .basicGet, on: 6) }
        consume("d", on: 6)
        write()
        prepared = account.snapshot
    }

    static let calls: [(OutboundMethod, ReplyKind)] = [
        (
            .exchangeDeclare(
                ExchangeDeclaration(
                    name: "e", type: "fanout", durable: true, autoDelete: false, internal: false, arguments: [:])),
            .exchangeDeclareOK
        ),
        (.exchangeBind(binding), .exchangeBindOK), (.exchangeUnbind(binding), .exchangeUnbindOK),
        (
            .queueDeclare(
                QueueDeclaration(
                    name: "q", passive: false, durable: true, exclusive: false, autoDelete: false, arguments: ["x": 1])),
            .queueDeclareOK
        ),
        (.queueBind(binding), .queueBindOK), (.queueUnbind(binding), .queueUnbindOK),
        (.queuePurge("q"), .queuePurgeOK), (.basicGet(queue: "q"), .basicGet),
        (.queueDelete(name: "q", ifUnused: false, ifEmpty: false), .queueDeleteOK),
        (.exchangeDelete(name: "e", ifUnused: false), .exchangeDeleteOK),
        (.basicCancel(tag: "none"), .basicCancelOK),
    ]

    private static let binding = Binding(destination: "q", source: "e", routingKey: "k", arguments: [:])

    // MARK: What a broker sends

    mutating func reply(_ channel: UInt16, _ classID: UInt16, _ methodID: UInt16, _ arguments: [UInt8] = []) {
        let payload = Self.bytes(classID) + Self.bytes(methodID) + arguments
        let frame = [1] + Self.bytes(channel) + Self.bytes(UInt32(payload.count)) + payload + [FrameScanner.end]
        frame.withUnsafeBytes { receive($0) }
    }

    static func bytes<I: FixedWidthInteger>(_ value: I) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + text.utf8 }

    private static func long(_ text: String) -> [UInt8] { bytes(UInt32(text.utf8.count)) + text.utf8 }
}
