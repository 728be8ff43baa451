/// How to use TLS: version 1.2 or later, the peer verified unless told otherwise.
///
/// The files are read again at each connect: a certificate that was renewed is used at the next one, without a restart.
public struct TLSOptions: Sendable, Hashable {
    /// A PEM file of the authorities to trust; `nil` for the system's.
    ///
    /// A file that holds no authority (by its basic constraints) but the broker's own certificate trusts that one alone.
    public var caFile: String?
    /// A PEM file with the client's certificate chain, its own certificate first.
    public var certificateFile: String?
    /// A PEM file with the client's private key, EC or RSA; `nil` if ``certificateFile`` holds it too.
    public var keyFile: String?
    /// What the private key is encrypted with; `nil` for a key in the clear.
    public var keyPassphrase: String?
    /// The name to ask for and verify; `nil` for the host's.
    public var serverName: String?
    /// Whether the peer's certificate and name are verified.
    ///
    /// Without it, whoever is on the way to the broker reads the password.
    public var verifiesPeer: Bool

    /// Makes TLS options.
    public init(
        caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, keyPassphrase: String? = nil,
        serverName: String? = nil, verifiesPeer: Bool = true
    ) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.keyPassphrase = keyPassphrase
        self.serverName = serverName
        self.verifiesPeer = verifiesPeer
    }
}

extension TLSOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The options without the passphrase.
    public var description: String {
        let options = [
            caFile.map { "caFile: \($0)" }, certificateFile.map { "certificateFile: \($0)" },
            keyFile.map { "keyFile: \($0)" }, keyPassphrase.map { _ in "keyPassphrase: ***" },
            serverName.map { "serverName: \($0)" }, verifiesPeer ? nil : "verifiesPeer: false",
        ]
        return "TLSOptions(\(options.compactMap { $0 }.joined(separator: ", ")))"
    }

    /// The same as the description.
    public var debugDescription: String { description }

    /// No children, so that `dump` prints no passphrase.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
