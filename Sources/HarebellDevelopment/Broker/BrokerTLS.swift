/// How a private node speaks TLS, beside its plain port: with which PEM files, and to whom.
public struct BrokerTLS: Sendable {
    /// The authorities whose client certificates it accepts.
    public var caFile: String
    /// Its own certificate.
    public var certificateFile: String
    /// The key of its certificate.
    public var keyFile: String
    /// Whether a client without a certificate is refused.
    public var requiresClientCertificate: Bool

    /// Makes TLS settings.
    public init(caFile: String, certificateFile: String, keyFile: String, requiresClientCertificate: Bool = true) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.requiresClientCertificate = requiresClientCertificate
    }

    /// Lines of `rabbitmq.conf`; whoever logs in with EXTERNAL is the user that the certificate's common name names.
    func lines(port: Int) -> String {
        """
        listeners.ssl.1 = 127.0.0.1:\(port)
        ssl_options.cacertfile = \(caFile)
        ssl_options.certfile = \(certificateFile)
        ssl_options.keyfile = \(keyFile)
        ssl_options.verify = verify_peer
        ssl_options.fail_if_no_peer_cert = \(requiresClientCertificate)
        auth_mechanisms.1 = PLAIN
        auth_mechanisms.2 = EXTERNAL
        ssl_cert_login_from = common_name

        """
    }

    /// The plug-in that brings EXTERNAL.
    static let plugin = "rabbitmq_auth_mechanism_ssl"
}
