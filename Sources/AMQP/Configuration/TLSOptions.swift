/// How to use TLS: version 1.2 or later, the peer verified unless told otherwise.
public struct TLSOptions: Sendable, Hashable {
    /// A PEM file of the authorities to trust; `nil` for the system's.
    public var caFile: String?
    /// A PEM file with the client's certificate chain.
    public var certificateFile: String?
    /// A PEM file with the client's private key.
    public var keyFile: String?
    /// The name to ask for and verify; `nil` for the host's.
    public var serverName: String?
    /// Whether the peer's certificate and name are verified.
    public var verifiesPeer: Bool

    /// Makes TLS options.
    public init(
        caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil,
        verifiesPeer: Bool = true
    ) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
        self.verifiesPeer = verifiesPeer
    }
}
