import NIOSSL
import Testing

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A certificate authority and a server certificate made for this test run, and an authority nobody signed with.
struct TestCertificates: Sendable {
    /// Signed the server's certificate for localhost and 127.0.0.1.
    let authorityFile: String
    /// Signed nothing.
    let otherAuthorityFile: String
    let server: NIOSSLContext
    /// Issued by the same authority for another name.
    let serverOfAnotherName: NIOSSLContext

    /// Made once per test process.
    static func shared() async throws -> TestCertificates { try await made.value }

    private static let made = Task { try await make() }

    private static func make() async throws -> TestCertificates {
        let directory = try TemporaryDirectory.make(prefix: "harebell-tls")
        let script = """
            set -e
            key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            for ca in ca other; do
              openssl req -x509 $key -days 2 -keyout $ca.key -out $ca.pem -subj "/CN=$ca" \
                -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
            done
            issue() {
              openssl req $key -keyout $1.key -out $1.csr -subj "/CN=$1"
              printf 'subjectAltName=%s\\nextendedKeyUsage=serverAuth\\n' "$2" > $1.ext
              openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out $1.pem -extfile $1.ext
            }
            issue server DNS:localhost,IP:127.0.0.1
            issue stranger DNS:stranger.example
            """
        let shell = try ChildProcess.start(
            "/bin/sh", arguments: ["-c", script],
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"],
            directory: directory, output: .file(directory + "/log"))
        let status = await shell.waitForExit(within: .seconds(30))
        try #require(status?.isSuccess == true)
        return TestCertificates(
            authorityFile: directory + "/ca.pem", otherAuthorityFile: directory + "/other.pem",
            server: try context(directory + "/server"), serverOfAnotherName: try context(directory + "/stranger"))
    }

    private static func context(_ path: String) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(path + ".pem")
        let key = try NIOSSLPrivateKey(file: path + ".key", format: .pem)
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
    }
}
