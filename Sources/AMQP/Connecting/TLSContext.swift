import NIOCore
import NIOSSL

/// What a connect needs for TLS: NIOSSL's context, and what tells why a handshake failed.
struct TLSContext: Sendable {
    let context: NIOSSLContext
    let options: TLSOptions
    /// The certificates of the authority file; `nil` for the system's.
    let authorities: [NIOSSLCertificate]?
    /// Our own certificate.
    let certificate: NIOSSLCertificate?

    /// The handler that encrypts, asks for the name and verifies it.
    func handler(for host: AMQPConfiguration.Host) throws -> NIOSSLClientHandler {
        // An address cannot be asked for by name; the certificate is verified against it all the same.
        let name = Self.isAddress(name(of: host)) ? nil : name(of: host)
        // OpenSSL would let any trusted certificate sign others. A file without an authority can only mean the broker's
        // own certificate, and nothing that was made with its key.
        guard let pins = authorities, options.verifiesPeer, !pins.contains(where: PeerCertificate.isAuthority) else {
            return try NIOSSLClientHandler(context: context, serverHostname: name)
        }
        return try NIOSSLClientHandler(context: context, serverHostname: name) { chain, verdict in
            let now = PeerCertificate.now()
            let isPinned = chain.first.map { pins.contains($0) && $0.notValidBefore <= now && now <= $0.notValidAfter }
            verdict.succeed(isPinned == true ? .certificateVerified : .failed)
        }
    }

    /// The name or address that the certificate must have.
    func name(of host: AMQPConfiguration.Host) -> String {
        options.serverName ?? host.name
    }

    static func isAddress(_ name: String) -> Bool {
        (try? SocketAddress(ipAddress: name, port: 0)) != nil
    }

    /// Why TLS with a host failed: what happened, and what to do about it.
    ///
    /// - Parameters:
    ///   - host: with its port.
    ///   - peer: the certificate that the host showed, if it came that far.
    ///   - now: seconds since 1970.
    func failure(
        _ error: any Error, with host: AMQPConfiguration.Host, peer: NIOSSLCertificate?, now: Int
    ) -> AMQPError {
        let details = "\(error)"
        if let peer, details.contains("CERTIFICATE_VERIFY_FAILED") {
            return AMQPError(.tlsFailed, "the certificate of \(host) \(problem(of: peer, now: now))")
        }
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            return AMQPError(.tlsFailed, wrongName(peer, host))
        }
        if let error = error as? NIOSSLExtraError, error == .serverHostnameImpossibleToMatch {
            return AMQPError(
                .tlsFailed,
                "no certificate can be for \(name(of: host)), which is no DNS name: set the server name to one of the "
                    + "certificate's, \(peer.map(PeerCertificate.names) ?? "-")")
        }
        if let reason = TLSAlert.reason(details, host: host, hasCertificate: certificate != nil) {
            let isExpired = (certificate?.notValidAfter).map { $0 < now } ?? false
            let hint = isExpired ? "; our certificate of \(options.certificateFile ?? "-") has expired" : ""
            return AMQPError(.tlsFailed, reason + hint)
        }
        return AMQPError(.tlsFailed, "TLS with \(host) failed", underlying: error)
    }

    private func wrongName(_ peer: NIOSSLCertificate?, _ host: AMQPConfiguration.Host) -> String {
        "the certificate of \(host) is for \(peer.map(PeerCertificate.names) ?? "other names"), not for "
            + "\(name(of: host)): connect by a name it has, or set the server name to one"
    }

    /// The first that is wrong with a certificate whose verification failed.
    private func problem(of peer: NIOSSLCertificate, now: Int) -> String {
        let trusted = options.caFile.map { "the authority file \($0)" } ?? "the system's authorities"
        if peer.notValidAfter < now {
            return "expired on \(PeerCertificate.day(peer.notValidAfter)): renew it at the broker"
        }
        if peer.notValidBefore > now {
            return "is not valid before \(PeerCertificate.day(peer.notValidBefore)): compare the clocks of this "
                + "machine and the broker's"
        }
        if !PeerCertificate.isForServers(peer) {
            return "is not for servers: the broker needs one whose extended key usage has serverAuth"
        }
        let issuer = PeerCertificate.name(peer.issuerName)
        if let authority = authorities?.first(where: { $0.subjectName == peer.issuerName }) {
            guard PeerCertificate.isAuthority(authority) else {
                return "is signed by \(issuer), which is in \(trusted) but is no authority (its basic constraints "
                    + "lack CA): sign it by one that is"
            }
            return authority.notValidAfter < now
                ? "is signed by \(issuer), which expired on \(PeerCertificate.day(authority.notValidAfter)): replace "
                    + "that authority"
                : "does not carry a valid signature of \(issuer), which has the name of one in \(trusted): another "
                    + "authority of the same name signed it, or its chain is incomplete"
        }
        return peer.issuerName == peer.subjectName
            ? "is signed by itself and is not in \(trusted): if it is the broker's, use it as the authority file"
            : "is signed by \(issuer), which is not in \(trusted): use that authority's file, or have the broker send "
                + "its whole chain"
    }
}
