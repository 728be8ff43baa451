import Curl
import Testing

@Suite(.timeLimit(.minutes(1))) struct `TLS` {
    @Test func `a server with a trusted certificate is talked to`() async throws {
        let certificates = try await TestCertificates.shared()
        try await withServer(certificates) { port, _ in
            let client = try client(trusting: certificates.authorityFile)
            for host in ["localhost", "127.0.0.1"] {
                #expect(try await client.send(HTTPRequest(url: "https://\(host):\(port)/")).status == 200)
            }
        }
    }

    @Test func `a certificate of an authority we do not know is refused`() async throws {
        let certificates = try await TestCertificates.shared()
        try await withServer(certificates) { port, log in
            let strange = try client(trusting: certificates.otherAuthorityFile)
            let system = try CurlClient()
            for client in [strange, system] {
                let error = await expectError(.tlsFailed) {
                    try await client.send(HTTPRequest(url: "https://localhost:\(port)/"))
                }
                #expect(error?.isRetriable == true)
            }
            #expect(log.all.isEmpty)
        }
    }

    @Test func `a certificate for another name is refused`() async throws {
        let certificates = try await TestCertificates.shared()
        let log = HTTPLog()
        try await LoopbackServer.run(tls: certificates.serverOfAnotherName, encrypted: true) {
            HTTPScript(log: log) { _ in [.response("200 OK")] }
        } body: { server in
            let client = try client(trusting: certificates.authorityFile)
            await expectError(.tlsFailed) {
                try await client.send(HTTPRequest(url: "https://localhost:\(server.port)/"))
            }
            #expect(log.all.isEmpty)
        }
    }

    @Test func `a server without TLS is not talked to over https`() async throws {
        try await withHTTPServer { _ in
            [.response("200 OK")]
        } body: { url, log in
            let client = try CurlClient(configuration: CurlConfiguration(timeout: .seconds(5)))
            // The server waits for the end of a head that never comes, or answers the handshake with words.
            do {
                _ = try await client.send(
                    HTTPRequest(url: url.replacing("http:", with: "https:"), timeout: .seconds(1)))
                Issue.record("no error")
            } catch let error as CurlError {
                #expect([CurlError.Code.tlsFailed, .timedOut].contains(error.code), "\(error)")
            }
            #expect(log.all.isEmpty)
        }
    }

    @Test func `a missing file of authorities is an error of its own`() async throws {
        let certificates = try await TestCertificates.shared()
        try await withServer(certificates) { port, _ in
            let client = try client(trusting: "/nowhere/ca.pem")
            await expectError(.tlsFailed) { try await client.send(HTTPRequest(url: "https://localhost:\(port)/")) }
        }
    }

    private func client(trusting file: String) throws -> CurlClient {
        try CurlClient(configuration: CurlConfiguration(certificateAuthorityFile: file))
    }

    private func withServer(
        _ certificates: TestCertificates, body: (Int, HTTPLog) async throws -> Void
    ) async throws {
        let log = HTTPLog()
        try await LoopbackServer.run(tls: certificates.server, encrypted: true) {
            HTTPScript(log: log) { _ in [.response("200 OK")] }
        } body: { server in
            try await body(server.port, log)
        }
    }
}
