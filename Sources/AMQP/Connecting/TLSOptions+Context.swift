import NIOPosix
import NIOSSL

extension TLSOptions {
    /// Reads the files and makes what NIOSSL needs, on a thread that may block.
    func context() async throws(AMQPError) -> TLSContext {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try makeContext() }
        } catch let error as AMQPError {
            throw error
        } catch is CancellationError {
            throw AMQPError(.cancelled, "the task that connects was cancelled")
        } catch {
            throw AMQPError(.tlsFailed, "the TLS options cannot be used", underlying: error)
        }
    }

    private func makeContext() throws -> TLSContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = verifiesPeer ? .fullVerification : .none
        let authorities = try caFile.map { try certificates(in: $0, "authority") }
        if let authorities { configuration.trustRoots = .certificates(authorities.filter(PeerCertificate.isAuthority)) }
        let chain = try certificateFile.map { try certificates(in: $0, "certificate") } ?? []
        configuration.certificateChain = chain.map { .certificate($0) }
        if let file = keyFile ?? certificateFile { configuration.privateKey = .privateKey(try privateKey(in: file)) }
        do {
            let context = try NIOSSLContext(configuration: configuration)
            return TLSContext(context: context, options: self, authorities: authorities, certificate: chain.first)
        } catch  where !chain.isEmpty {
            // Both were parsed: what is left to go wrong is that they are not a pair.
            let key = keyFile ?? certificateFile ?? "-"
            throw AMQPError(
                .tlsFailed, "the private key of \(key) does not belong to the certificate of \(certificateFile ?? "-")")
        }
    }

    private func certificates(in file: String, _ kind: String) throws -> [NIOSSLCertificate] {
        let bytes = try TLSFile.contents(of: file, kind)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw AMQPError(.tlsFailed, "the \(kind) file \(file) holds no certificate in PEM")
        }
        return certificates
    }

    private func privateKey(in file: String) throws -> NIOSSLPrivateKey {
        let bytes = try TLSFile.contents(of: file, "key")
        // NIOSSL traps on others.
        guard keyPassphrase?.utf8.allSatisfy({ $0 < 128 }) ?? true else {
            throw AMQPError(.invalidArgument, "keyPassphrase must consist of ASCII characters")
        }
        var isEncrypted = false
        do {
            return try NIOSSLPrivateKey(bytes: bytes, format: .pem) { setter in
                isEncrypted = true
                setter((keyPassphrase ?? "").utf8)
            }
        } catch {
            let problem =
                switch (isEncrypted, keyPassphrase) {
                case (true, nil): "is encrypted: give its passphrase"
                case (true, _?): "cannot be decrypted with the passphrase given"
                case (false, _): "holds no private key in PEM"
                }
            throw AMQPError(.tlsFailed, "the key file \(file) \(problem)")
        }
    }
}
