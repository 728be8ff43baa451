/// What OpenSSL's names of errors and alerts (RFC 8446 §6) mean for a connect, and what to do about it.
enum TLSAlert {
    /// - Parameter details: the error with BoringSSL's names in it.
    /// - Returns: `nil` for what is not known here.
    static func reason(_ details: String, host: AMQPConfiguration.Host, hasCertificate: Bool) -> String? {
        func has(_ names: String...) -> Bool { names.contains { details.contains($0) } }
        if has("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNEXPECTED_RECORD", "BAD_RECORD_TYPE") {
            return "\(host) does not speak TLS: it may be the plain port; a broker's port for TLS is 5671 by default"
        }
        if has("ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL") {
            return "\(host) speaks no version of TLS from 1.2 on: enable 1.2 or 1.3 at the broker"
        }
        if has("EOF during handshake") {
            return
                "\(host) hung up during the TLS handshake: it may be no port for TLS, or refuse us before it says why"
        }
        if has("ALERT_CERTIFICATE_REQUIRED") || (!hasCertificate && has("ALERT_HANDSHAKE_FAILURE", "BAD_CERTIFICATE")) {
            return "\(host) demands a client certificate, or has no cipher in common with us: give certificate and key"
        }
        if has("ALERT_UNKNOWN_CA") {
            return "\(host) does not know the authority of our certificate: add it to the broker's authorities, and "
                + "have the whole chain in our certificate file"
        }
        if has("ALERT_CERTIFICATE_EXPIRED") { return "\(host) refused our certificate as expired: renew it" }
        if has("ALERT_CERTIFICATE_REVOKED") { return "\(host) refused our certificate as revoked: get another" }
        if has(
            "ALERT_BAD_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_CERTIFICATE_UNKNOWN",
            "ALERT_DECRYPT_ERROR", "ALERT_ACCESS_DENIED")
        {
            return "\(host) refused our certificate: it must be for clients (clientAuth), and its key must fit"
        }
        if has("ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "INSUFFICIENT_SECURITY") {
            return "\(host) refused our certificate, or has no cipher in common with us: the certificate must be for "
                + "clients (clientAuth)"
        }
        if has("ALERT_UNRECOGNIZED_NAME") {
            return "\(host) does not know the name we asked for: set the server name to one of its certificate's"
        }
        return nil
    }
}
