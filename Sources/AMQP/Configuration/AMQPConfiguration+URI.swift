extension AMQPConfiguration {
    /// Reads `amqp://user:password@host:port,host/virtual-host?heartbeat=10` or `amqps://…`.
    ///
    /// Names and values may be percent-encoded. Without a user it is `guest`/`guest`, without a path (or with an empty
    /// one) the virtual host is `/`. Query keys: `heartbeat` (s), `connection_timeout` (ms), `channel_max`,
    /// `frame_max`, `connection_name`, `auth_mechanism` (`plain`, `external`), and with TLS `cacertfile`, `certfile`,
    /// `keyfile`, `password` (the key's passphrase), `server_name_indication`, `verify` (`verify_peer`, `verify_none`).
    ///
    /// - Throws: ``AMQPError/Code/invalidArgument``, naming the part that is wrong; never the password.
    public init(uri: String) throws(AMQPError) {
        guard let schemeEnd = uri.firstRange(of: "://") else {
            throw Self.invalid("it does not begin with amqp:// or amqps://")
        }
        let scheme = uri[..<schemeEnd.lowerBound].lowercased()
        guard scheme == "amqp" || scheme == "amqps" else {
            throw Self.invalid("its scheme is neither amqp nor amqps")
        }
        var rest = uri[schemeEnd.upperBound...]
        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        var path: Substring = ""
        if let slash = rest.firstIndex(of: "/") {
            path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
        }
        var credentials = Credentials.plain(username: "guest", password: "guest")
        if let at = rest.lastIndex(of: "@") {
            credentials = try Self.credentials(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        var hosts: [Host] = []
        for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
            hosts.append(try Self.host(part))
        }
        self.init(hosts: hosts, credentials: credentials, tls: scheme == "amqps" ? TLSOptions() : nil)
        if !path.isEmpty {
            virtualHost = try Self.decode(path, "virtual host")
        }
        for pair in query.split(separator: "&") {
            try apply(pair)
        }
    }

    private static func invalid(_ what: String) -> AMQPError {
        AMQPError(.invalidArgument, "the AMQP URI cannot be used: \(what)")
    }

    private static func credentials(_ text: Substring) throws(AMQPError) -> Credentials {
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        let password = colon == text.endIndex ? "" : text[text.index(after: colon)...]
        return .plain(
            username: try decode(text[..<colon], "user name"), password: try decode(password, "password"))
    }

    private static func host(_ text: Substring) throws(AMQPError) -> Host {
        var name = text
        var port: Substring?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw invalid("an IPv6 address lacks its closing bracket") }
            name = text[text.index(after: text.startIndex)..<end]
            let tail = text[text.index(after: end)...]
            guard tail.isEmpty || tail.first == ":" else { throw invalid("text follows an IPv6 address") }
            if !tail.isEmpty { port = tail.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            name = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        let host = try decode(name, "host")
        // Without a host it is the local one, as in librabbitmq and the Java client.
        var result = Host(name: host.isEmpty ? "localhost" : host)
        if let port {
            guard let number = UInt16(port), number > 0 else { throw invalid("the port of \(result.name) is no port") }
            result.port = Int(number)
        }
        return result
    }

    private mutating func apply(_ pair: Substring) throws(AMQPError) {
        let equals = pair.firstIndex(of: "=") ?? pair.endIndex
        let key = try Self.decode(pair[..<equals], "query")
        let value =
            equals == pair.endIndex ? "" : try Self.decode(pair[pair.index(after: equals)...], "value of \(key)")
        switch key {
        case "heartbeat": heartbeat = .seconds(try Self.number(value, key, UInt16.self))
        case "connection_timeout": connectTimeout = .milliseconds(try Self.number(value, key, UInt32.self))
        case "channel_max": channelMax = try Self.number(value, key, UInt16.self)
        case "frame_max": frameMax = try Self.number(value, key, UInt32.self)
        case "connection_name": connectionName = value
        case "auth_mechanism":
            switch value.lowercased() {
            case "plain": break
            case "external": credentials = .external
            default: throw Self.invalid("auth_mechanism must be plain or external")
            }
        case "cacertfile", "certfile", "keyfile", "password", "server_name_indication", "verify":
            guard var tls else { throw Self.invalid("\(key) needs amqps://") }
            try Self.apply(key, value, to: &tls)
            self.tls = tls
        default: throw Self.invalid("the query key \(key) is unknown")
        }
    }

    private static func apply(_ key: String, _ value: String, to tls: inout TLSOptions) throws(AMQPError) {
        switch (key, value) {
        case ("cacertfile", _): tls.caFile = value
        case ("certfile", _): tls.certificateFile = value
        case ("keyfile", _): tls.keyFile = value
        case ("password", _): tls.keyPassphrase = value
        case ("server_name_indication", _): tls.serverName = value
        case (_, "verify_peer"): tls.verifiesPeer = true
        case (_, "verify_none"): tls.verifiesPeer = false
        default: throw invalid("verify must be verify_peer or verify_none")
        }
    }

    private static func number<N: FixedWidthInteger>(
        _ text: String, _ key: String, _: N.Type
    ) throws(AMQPError) -> N {
        guard let number = N(text) else { throw invalid("\(key) must be a number from 0 to \(N.max)") }
        return number
    }

    private static func decode(_ text: some StringProtocol, _ what: String) throws(AMQPError) -> String {
        var bytes: [UInt8] = []
        var utf8 = Array(text.utf8)[...]
        while let byte = utf8.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: utf8.prefix(2), as: UTF8.self)
            guard utf8.count >= 2, digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
                let value = UInt8(digits, radix: 16)
            else { throw invalid("the \(what) holds a percent sign without two hexadecimal digits") }
            utf8 = utf8.dropFirst(2)
            bytes.append(value)
        }
        guard let string = String(validating: bytes, as: UTF8.self) else { throw invalid("the \(what) is not UTF-8") }
        return string
    }
}
