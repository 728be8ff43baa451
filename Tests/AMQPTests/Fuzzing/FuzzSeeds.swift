@testable import AMQP

/// Inputs to start the fuzzer from, by the names of their files: every method a broker sends, and every shape that was
/// ever known to break a client.
///
/// They are made here so that they follow when `FuzzTarget` reads inputs differently; see `FuzzCorpusTests`.
enum FuzzSeeds {
    typealias Bytes = BrokerBytes

    static var all: [String: [UInt8]] {
        var seeds: [String: [UInt8]] = [:]
        for (name, bytes) in login { seeds["login-\(name)"] = input(0, pieces: pieces(name), bytes) }
        for (name, bytes) in methods + contents + frames {
            seeds["open-\(name)"] = input(1, pieces: pieces(name), bytes)
        }
        for (name, bytes) in conversations { seeds["calls-\(name)"] = input(2, bytes) }
        for (name, bytes) in properties { seeds["properties-\(name)"] = input(3, bytes) }
        for (name, bytes) in tables { seeds["table-\(name)"] = input(3 | 4, bytes) }
        return seeds
    }

    /// Too large to be kept; the first crashes decoders that recurse without a limit.
    static var large: [String: [UInt8]] {
        func arrays(_ depth: Int) -> [UInt8] {
            var inside = Bytes.short("k")
            for level in 0..<depth { inside += Array("A".utf8) + Bytes.bytes(UInt32((depth - level - 1) * 5)) }
            return inside
        }
        func tables(_ depth: Int) -> [UInt8] {
            var pieces: [[UInt8]] = [Bytes.short("k") + Array("V".utf8)]
            var size = pieces[0].count
            for _ in 1..<depth {
                pieces.append(Bytes.short("k") + Array("F".utf8) + Bytes.bytes(UInt32(size)))
                size += 7
            }
            return pieces.reversed().flatMap { $0 }
        }
        var seeds: [String: [UInt8]] = [:]
        for depth in [18_000, 26_000] {
            seeds["arrays \(depth) deep in a delivery"] = input(
                1, delivery(properties: headers(arrays(depth)), body: []))
            seeds["arrays \(depth) deep alone"] = input(3, headers(arrays(depth)))
        }
        seeds["tables 18000 deep in a delivery"] = input(1, delivery(properties: headers(tables(18_000)), body: []))
        seeds["tables 18000 deep at the login"] = input(0, start(tables(18_000)))
        let declare = Bytes.bytes(UInt16(0)) + Bytes.short("q") + [0] + nested(arrays(26_000))
        seeds["arrays 26000 deep in a client's method"] = input(1, Bytes.method(2, 50, 10, declare))
        seeds["40000 fields"] = input(
            3, headers(Array(repeating: Bytes.short("k") + Array("V".utf8), count: 40_000).flatMap { $0 }))
        return seeds
    }

    // MARK: Parts

    static func seed(_ name: String, _ parts: [UInt8]...) -> (String, [UInt8]) { (name, parts.flatMap { $0 }) }

    /// The byte that says what an input is, and the input.
    static func input(_ entry: UInt8, pieces: UInt8 = 0, _ bytes: [UInt8]) -> [UInt8] {
        [entry | pieces << 4] + bytes
    }

    /// Some way to cut each seed, the same in every process.
    private static func pieces(_ name: String) -> UInt8 {
        name.utf8.reduce(0) { ($0 &* 31 &+ $1) } & 15
    }

    static func headers(_ inside: [UInt8], flags: UInt16 = 1 << 13) -> [UInt8] {
        Bytes.bytes(flags) + Bytes.bytes(UInt32(inside.count)) + inside
    }

    static func field(_ key: String, _ kind: Character, _ value: [UInt8] = []) -> [UInt8] {
        Bytes.short(key) + Array(String(kind).utf8) + value
    }

    static func nested(_ bytes: [UInt8]) -> [UInt8] { Bytes.bytes(UInt32(bytes.count)) + bytes }

    static func start(_ properties: [UInt8], mechanisms: String = "PLAIN") -> [UInt8] {
        Bytes.method(0, 10, 10, [0, 9] + nested(properties) + Bytes.long(mechanisms) + Bytes.long("en_US"))
    }

    static func deliver(_ channel: UInt16 = 2, tag: String = FuzzConnection.consumerTag, _ number: UInt64 = 1)
        -> [UInt8]
    {
        Bytes.method(
            channel, 60, 60, Bytes.short(tag) + Bytes.bytes(number) + [0] + Bytes.short("e") + Bytes.short("k"))
    }

    static func delivery(_ number: UInt64 = 1, properties: [UInt8] = [0, 0], body: [UInt8]) -> [UInt8] {
        deliver(2, number) + Bytes.header(2, size: UInt64(body.count), properties: properties)
            + (body.isEmpty ? [] : Bytes.frame(3, 2, body))
    }

    // MARK: The login

    private static var login: [(String, [UInt8])] {
        let capabilities = ["publisher_confirms", "basic.nack", "connection.blocked", "consumer_cancel_notify"]
            .flatMap { field($0, "t", [1]) }
        let server =
            field("capabilities", "F", nested(capabilities)) + field("cluster_name", "S", Bytes.long("rabbit@host"))
            + field("product", "S", Bytes.long("RabbitMQ")) + field("version", "S", Bytes.long("3.10.8"))
        let greeted = Bytes.start() + Bytes.tune()
        return [
            seed("complete", greeted, Bytes.openOK),
            seed("complete-and-blocked", greeted, Bytes.openOK, Bytes.method(0, 10, 60, Bytes.short("low on memory"))),
            seed("rabbitmq", start(server, mechanisms: "PLAIN AMQPLAIN EXTERNAL"), Bytes.tune(heartbeat: 60)),
            seed(
                "properties-deep",
                start((0..<33).reduce(field("k", "V")) { inside, _ in field("k", "F", nested(inside)) })),
            seed("properties-unknown-kind", start(field("k", "Z", [1, 2]))),
            seed("properties-cut-off", Bytes.method(0, 10, 10, [0, 9, 0, 0, 1, 0, 1])),
            seed("mechanisms-foreign", start([], mechanisms: "AMQPLAIN RABBIT-CR-DEMO")),
            seed("version-0-8", Bytes.start(major: 0, minor: 8)),
            seed("protocol-header-0-9-1", Array("AMQP".utf8), [0, 0, 9, 1]),
            seed("protocol-header-1-0", Array("AMQP".utf8), [3, 1, 0, 0]),
            seed("protocol-header-cut-off", Array("AMQ".utf8)),
            seed("http", Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
            seed("tls-alert", [0x15, 3, 3, 0, 2, 2, 40]),
            seed("secure", Bytes.start(), Bytes.method(0, 10, 20, Bytes.long("challenge"))),
            seed("refused-403", Bytes.start(), Bytes.close(403, "ACCESS_REFUSED - login was refused")),
            seed("refused-530", greeted, Bytes.close(530, "NOT_ALLOWED - vhost missing not found")),
            seed("tune-without-limits", Bytes.start(), Bytes.tune(channelMax: 0, frameMax: 0, heartbeat: 0)),
            seed("tune-frame-max-4095", Bytes.start(), Bytes.tune(frameMax: 4095)),
            seed("tune-frame-max-1", Bytes.start(), Bytes.tune(frameMax: 1)),
            seed("tune-before-start", Bytes.tune()), seed("open-ok-before-tune", Bytes.start(), Bytes.openOK),
            seed("start-twice", Bytes.start(), Bytes.start()),
            seed("channel-frame-before-tune", Bytes.start(), Bytes.channelOpenOK(1)),
        ]
    }
}
