/// How to reach and use a broker.
public struct AMQPConfiguration: Sendable {
    /// A host and port to connect to.
    public struct Host: Sendable, Hashable, CustomStringConvertible {
        /// The host name or IP address.
        public var name: String
        /// The port; `nil` for 5672, or 5671 with TLS.
        public var port: Int?

        /// Makes a host.
        public init(name: String, port: Int? = nil) {
            self.name = name
            self.port = port
        }

        /// The name and, if given, the port.
        public var description: String {
            let name = name.contains(":") ? "[\(name)]" : name
            return port.map { "\(name):\($0)" } ?? name
        }
    }

    /// How to log in.
    public enum Credentials: Sendable, Hashable {
        /// A user name and password (SASL PLAIN).
        case plain(username: String, password: String)
        /// The client certificate of the TLS connection (SASL EXTERNAL).
        case external
    }

    /// The hosts, tried in this order; after a failure the others come first.
    public var hosts: [Host]
    /// The virtual host.
    public var virtualHost = "/"
    /// How to log in.
    public var credentials: Credentials
    /// TLS, or `nil` for plain TCP.
    public var tls: TLSOptions?
    /// What the broker's tools show as the name of the connection.
    public var connectionName: String?
    /// The heartbeat interval, in whole seconds; zero turns heartbeats off.
    ///
    /// A broker that is silent for two intervals is left for another host. The default makes that 6 s.
    public var heartbeat: Duration = .seconds(3)
    /// How long one host may take for TCP, TLS and login together.
    public var connectTimeout: Duration = .seconds(5)
    /// How long the broker may take to answer a method.
    public var rpcTimeout: Duration = .seconds(30)
    /// The largest frame we ask for, at least 4096.
    public var frameMax: UInt32 = 131_072
    /// The most channels we ask for.
    public var channelMax: UInt16 = 2047
    /// The largest body held in memory; a larger one is delivered without its body, see ``Delivery/isTruncated``.
    public var maximumBodySize = 16 * 1024 * 1024

    /// Makes a configuration.
    public init(
        hosts: [Host], virtualHost: String = "/",
        credentials: Credentials = .plain(username: "guest", password: "guest"), tls: TLSOptions? = nil
    ) {
        self.hosts = hosts
        self.virtualHost = virtualHost
        self.credentials = credentials
        self.tls = tls
    }

    func port(of host: Host) -> Int {
        host.port ?? (tls == nil ? 5672 : 5671)
    }
}

extension AMQPConfiguration: CustomStringConvertible {
    /// The configuration as a URI without the password.
    public var description: String {
        let scheme = tls == nil ? "amqp" : "amqps"
        let user: String =
            switch credentials {
            case .plain(let username, _): "\(username):***@"
            case .external: ""
            }
        return "\(scheme)://\(user)\(hosts.map(\.description).joined(separator: ","))/\(virtualHost)"
    }
}

extension AMQPConfiguration: CustomDebugStringConvertible, CustomReflectable {
    /// The same as the description: no password in a debugger's print either.
    public var debugDescription: String { description }

    /// No children, so that `dump` prints no password.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension AMQPConfiguration.Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The user's name without the password.
    public var description: String {
        switch self {
        case .plain(let username, _): "plain(\(username), ***)"
        case .external: "external"
        }
    }

    /// The same as the description.
    public var debugDescription: String { description }

    /// No children, so that `dump` prints no password.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
