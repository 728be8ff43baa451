import Curl
import Testing

@Suite(.timeLimit(.minutes(1))) struct `HTTP requests` {
    @Test func `a request arrives as it was made and its response comes back`() async throws {
        try await withHTTPServer { request in
            [.response("201 Created", fields: ["X-Seen: yes", "X-Seen:twice "], body: #"{"ok":true}"#)]
        } body: { url, log in
            let client = try CurlClient()
            var fields: HTTPFields = ["Content-Type": "application/json", "X-Empty": ""]
            fields.append("X-List", "one")
            fields.append("X-List", "two")
            let response = try await client.send(
                HTTPRequest(method: "POST", url: url + "/loans?id=1", fields: fields, body: Array(#"{"a":1}"#.utf8)))

            #expect(response.status == 201)
            #expect(response.fields["x-seen"] == "yes")
            #expect(response.fields.map(\.name) == ["Content-Length", "X-Seen", "X-Seen"])
            #expect(response.fields.map(\.value) == ["11", "yes", "twice"])
            #expect(String(decoding: response.body, as: UTF8.self) == #"{"ok":true}"#)
            let request = try #require(log.all.first)
            #expect(request.firstLine == "POST /loans?id=1 HTTP/1.1")
            #expect(request.body == #"{"a":1}"#)
            #expect(request.values("Content-Type") == ["application/json"])
            #expect(request.values("X-List") == ["one", "two"])
            #expect(request.values("X-Empty") == [""])
            #expect(request.values("Expect").isEmpty)
            #expect(request.values("User-Agent") == ["harebell"])
            await client.shutdown()
            #expect(client.openHandleCount == 0)
        }
    }

    @Test(arguments: ["GET", "DELETE", "PUT", "PATCH", "POST", "HEAD", "PURGE"])
    func `every method is sent, with or without a body`(method: String) async throws {
        try await withHTTPServer { request in
            [
                request.firstLine.hasPrefix("HEAD")
                    ? .send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") : .response("200 OK")
            ]
        } body: { url, log in
            let client = try CurlClient()
            _ = try await client.send(HTTPRequest(method: method, url: url))
            let request = try #require(log.all.first)
            #expect(request.firstLine == "\(method) / HTTP/1.1")
            #expect(request.body.isEmpty)
            #expect(request.values("Content-Type").isEmpty)
            if method != "HEAD" {
                _ = try await client.send(HTTPRequest(method: method, url: url, body: [0x61, 0x62]))
                #expect(log.all.last?.firstLine == "\(method) / HTTP/1.1")
                #expect(log.all.last?.body == "ab")
            }
        }
    }

    @Test(arguments: [200, 204, 301, 302, 307, 400, 404, 429, 500, 503])
    func `every status is an answer, and no redirect is followed`(status: Int) async throws {
        try await withHTTPServer { _ in
            [.response("\(status) Whatever", fields: ["Location: /elsewhere", "Retry-After: 7"])]
        } body: { url, log in
            let response = try await CurlClient().send(HTTPRequest(url: url))
            #expect(response.status == status)
            #expect(response.fields["Retry-After"] == "7")
            #expect(log.all.count == 1)
        }
    }

    @Test func `an interim response is not the answer`() async throws {
        try await withHTTPServer { _ in
            [.send("HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"), .response("200 OK", fields: ["X-Late: yes"])]
        } body: { url, _ in
            let response = try await CurlClient().send(HTTPRequest(url: url))
            #expect(response.status == 200)
            #expect(response.fields["X-Early"] == nil)
            #expect(response.fields["X-Late"] == "yes")
        }
    }

    @Test func `a connection is used again, and many requests run at once`() async throws {
        let log = HTTPLog()
        try await LoopbackServer.run {
            HTTPScript(log: log) { request in [.response("200 OK", body: String(request.firstLine))] }
        } body: { server in
            let client = try CurlClient(configuration: CurlConfiguration(maximumConnectionsPerHost: 4))
            let url = "http://127.0.0.1:\(server.port)"
            for number in 0..<5 {
                _ = try await client.send(HTTPRequest(url: "\(url)/\(number)"))
            }
            #expect(server.accepted == 1)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<100 {
                    tasks.addTask {
                        let response = try await client.send(HTTPRequest(url: "\(url)/many/\(number)"))
                        #expect(String(decoding: response.body, as: UTF8.self) == "GET /many/\(number) HTTP/1.1")
                    }
                }
                try await tasks.waitForAll()
            }
            #expect(log.all.count == 105)
            #expect(server.accepted <= 4)
            #expect(client.openHandleCount == 0)
        }
    }

    @Test func `basic authentication is sent, and shown nowhere`() async throws {
        try await withHTTPServer { _ in
            [.response("401 Unauthorized")]
        } body: { url, log in
            let credentials = Credentials(username: "Aladdin", password: "open sesame")
            let response = try await CurlClient().send(HTTPRequest(url: url, credentials: credentials))
            #expect(response.status == 401)
            // RFC 7617 §2.
            #expect(log.all.first?.values("Authorization") == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="])
            var dumped = ""
            dump(credentials, to: &dumped)
            #expect(!"\(credentials) \(String(reflecting: credentials)) \(dumped)".contains("sesame"))
        }
    }
}

/// Runs an HTTP server that answers with `respond`.
func withHTTPServer(
    respond: @escaping @Sendable (ReceivedRequest) -> [Reaction], body: (String, HTTPLog) async throws -> Void
) async throws {
    let log = HTTPLog()
    try await LoopbackServer.run {
        HTTPScript(log: log, respond: respond)
    } body: { server in
        try await body("http://127.0.0.1:\(server.port)", log)
    }
}
