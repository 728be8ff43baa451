/// How a ``CurlClient`` connects and what it refuses.
///
/// Not configurable: certificates and host names are always verified, TLS is 1.2 or later, redirects are never
/// followed, and proxies named in the environment are ignored.
public struct CurlConfiguration: Sendable {
    /// How long name resolution, connecting and the TLS handshake may take together.
    public var connectTimeout: Duration
    /// How long a whole transfer may take, connecting included.
    public var timeout: Duration
    /// A PEM file with the certificate authorities to trust instead of the system's.
    public var certificateAuthorityFile: String?
    /// The hosts that may be talked to, as `host` or `host:port`; nil for any.
    public var allowedHosts: Set<String>?
    /// Which addresses may be connected to.
    ///
    /// It is asked for each address at the moment of connecting.
    public var addressPolicy: AddressPolicy
    /// The largest body of a response in bytes.
    public var maximumResponseSize: Int
    /// How many connections to one host and port may be open; further transfers wait for one.
    public var maximumConnectionsPerHost: Int
    /// The value of `User-Agent`.
    public var userAgent: String
    /// Whether each request is a span of the running trace and carries its headers, where the process is traced at all.
    public var isTraced: Bool

    /// A configuration with the default limits.
    public init(
        connectTimeout: Duration = .seconds(5),
        timeout: Duration = .seconds(30),
        certificateAuthorityFile: String? = nil,
        allowedHosts: Set<String>? = nil,
        addressPolicy: AddressPolicy = .any,
        maximumResponseSize: Int = 1 << 20,
        maximumConnectionsPerHost: Int = 32,
        userAgent: String = "harebell",
        isTraced: Bool = true
    ) {
        self.connectTimeout = connectTimeout
        self.timeout = timeout
        self.certificateAuthorityFile = certificateAuthorityFile
        self.allowedHosts = allowedHosts
        self.addressPolicy = addressPolicy
        self.maximumResponseSize = maximumResponseSize
        self.maximumConnectionsPerHost = maximumConnectionsPerHost
        self.userAgent = userAgent
        self.isTraced = isTraced
    }

    func allows(_ url: ServerURL) -> Bool {
        guard let allowedHosts else { return true }
        return allowedHosts.contains(url.host) || allowedHosts.contains("\(url.host):\(url.port)")
    }
}
