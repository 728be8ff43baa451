import NIOPosix
import NIOSSL

extension TLSOptions {
    /// Reads the files and makes what NIOSSL needs, on a thread that may block.
    func context() async throws(AMQPError) -> NIOSSLContext {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try makeContext() }
        } catch {
            throw AMQPError(.tlsFailed, "the TLS files cannot be used", underlying: error)
        }
    }

    private func makeContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = verifiesPeer ? .fullVerification : .none
        if let caFile { configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(caFile)) }
        if let certificateFile {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) }
        }
        if let keyFile {
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
