import Curl
import Testing

@Suite(.timeLimit(.minutes(1))) struct `What is refused before anything is sent` {
    @Test(arguments: [
        ("X-Name", "value\r\nX-Injected: yes"), ("X-Name", "value\nX-Injected: yes"), ("X-Name", "a\u{0}b"),
        ("X-Name", "a\u{7F}"), ("X-Na\r\nme", "value"), ("X-Name:", "value"), ("", "value"), ("X Name", "value"),
        ("Näme", "value"), ("Content-Length", "3"), ("transfer-encoding", "chunked"), ("Host", "elsewhere"),
    ])
    func `a header field that could become another`(name: String, value: String) async throws {
        try await withHTTPServer { _ in
            [.response("200 OK")]
        } body: { url, log in
            let client = try CurlClient()
            var fields = HTTPFields()
            fields.append(name, value)
            let request = HTTPRequest(method: "POST", url: url, fields: fields, body: [])
            await expectError(.invalidRequest) { try await client.send(request) }
            #expect(log.all.isEmpty)
        }
    }

    @Test(arguments: ["", "GE T", "GET\r\nX: y", "GET / HTTP/1.1\r\n"])
    func `a method that is no token`(method: String) async throws {
        let client = try CurlClient()
        await expectError(.invalidRequest) {
            try await client.send(HTTPRequest(method: method, url: "http://127.0.0.1:9/"))
        }
    }

    @Test(arguments: [
        "", "example.org", "http://", "ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1:70/_x",
        "dict://127.0.0.1:11211/stats", "smtp://127.0.0.1/", "http://user:secret@127.0.0.1/", "http://user@127.0.0.1/",
        "http://127.0.0.1/\r\nX-Injected: yes", "http://127.0.0.1/\u{0}", "http://a b/", "http://[::1",
        "http://x:99999/",
    ])
    func `a URL of another kind`(url: String) async throws {
        let client = try CurlClient()
        let error = await expectError(.invalidRequest) { try await client.send(HTTPRequest(url: url)) }
        #expect(error.map { !"\($0)".contains("secret") } == true)
        #expect(error?.isRetriable == false)
    }

    @Test func `a host that is not on the list`() async throws {
        try await withHTTPServer { _ in
            [.response("200 OK")]
        } body: { url, log in
            let port = try ServerURL(url).port
            let anyPort = try CurlClient(configuration: CurlConfiguration(allowedHosts: ["127.0.0.1"]))
            let thisPort = try CurlClient(configuration: CurlConfiguration(allowedHosts: ["127.0.0.1:\(port)"]))
            let other = try CurlClient(configuration: CurlConfiguration(allowedHosts: ["example.org", "127.0.0.1:1"]))
            _ = try await anyPort.send(HTTPRequest(url: url))
            _ = try await thisPort.send(HTTPRequest(url: url))
            await expectError(.hostNotAllowed) { try await other.send(HTTPRequest(url: url)) }
            await expectError(.hostNotAllowed) {
                try await anyPort.send(HTTPRequest(url: "http://localhost:\(port)/"))
            }
            #expect(log.all.count == 2)
        }
    }

    @Test(arguments: [
        "http://127.0.0.1:PORT/", "http://localhost:PORT/", "http://2130706433:PORT/", "http://0x7f.1:PORT/",
        "http://0177.0.0.1:PORT/", "http://[::ffff:127.0.0.1]:PORT/",
    ])
    func `an internal address, however it is spelt`(spelling: String) async throws {
        try await withHTTPServer { _ in
            [.response("200 OK")]
        } body: { url, log in
            let port = try ServerURL(url).port
            let client = try CurlClient(configuration: CurlConfiguration(addressPolicy: .publicOnly))
            let request = HTTPRequest(url: spelling.replacing("PORT", with: "\(port)"))
            await expectError(.addressRefused) { try await client.send(request) }
            #expect(log.all.isEmpty)
        }
    }

    @Test func `an outside address when only this machine is allowed`() async throws {
        let client = try CurlClient(
            configuration: CurlConfiguration(connectTimeout: .seconds(2), addressPolicy: .loopbackOnly))
        await expectError(.addressRefused) { try await client.send(HTTPRequest(url: "http://192.0.2.1/")) }
        try await withHTTPServer { _ in
            [.response("200 OK")]
        } body: { url, _ in
            let response = try await client.send(HTTPRequest(url: url.replacing("127.0.0.1", with: "localhost")))
            #expect(response.status == 200)
        }
    }
}

/// Awaits an error with this code and hands it out for a closer look.
@discardableResult
func expectError<Result>(
    _ code: CurlError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Result
) async -> CurlError? {
    do {
        _ = try await body()
        Issue.record("no error, expected \(code)", sourceLocation: sourceLocation)
        return nil
    } catch let error as CurlError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
        return nil
    }
}
