import Synchronization
import TestSupport
import Testing

@testable import Curl

@Suite(.timeLimit(.minutes(1))) struct `HTTP failures` {
    @Test func `nobody listens`() async throws {
        // A port that was a server's until a moment ago.
        let port = try await LoopbackServer.run {
            HTTPScript(log: HTTPLog()) { _ in [] }
        } body: {
            $0.port
        }
        let error = await expectError(.connectionFailed) {
            try await CurlClient().send(HTTPRequest(url: "http://127.0.0.1:\(port)/"))
        }
        #expect(error?.isRetriable == true)
        #expect(error?.status == nil)
    }

    @Test func `a name that does not exist`() async throws {
        let client = try CurlClient()
        let error = await expectError(.hostNotFound) {
            try await client.send(HTTPRequest(url: "http://no-such-host.invalid/", timeout: .seconds(20)))
        }
        #expect(error?.isRetriable == true)
    }

    @Test func `the connection breaks before the answer`() async throws {
        try await withHTTPServer { _ in
            [.close]
        } body: { url, _ in
            let client = try CurlClient()
            let error = await expectError(.connectionLost) { try await client.send(HTTPRequest(url: url)) }
            #expect(error?.isRetriable == true)
        }
    }

    @Test func `the connection breaks inside the answer, whose status is kept`() async throws {
        try await withHTTPServer { _ in
            [.send("HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nshort"), .close]
        } body: { url, _ in
            let client = try CurlClient()
            let error = await expectError(.connectionLost) { try await client.send(HTTPRequest(url: url)) }
            #expect(error?.status == 202)
        }
    }

    @Test func `the server speaks something else`() async throws {
        try await withHTTPServer { _ in
            [.send("SSH-2.0-OpenSSH_9.2\r\n"), .close]
        } body: { url, _ in
            let client = try CurlClient()
            let error = await expectError(.protocolViolation) { try await client.send(HTTPRequest(url: url)) }
            #expect(error?.isRetriable == true)
        }
    }

    enum Excess: CaseIterable {
        case announced, chunked, endless, head

        var response: String {
            let start = "HTTP/1.1 200 OK\r\n"
            let body = String(repeating: "x", count: 5000)
            return switch self {
            case .announced: start + "Content-Length: 5000\r\n\r\n"
            case .chunked: start + "Transfer-Encoding: chunked\r\n\r\n1388\r\n\(body)\r\n"
            case .endless: start + "\r\n" + body
            case .head: start + String(repeating: "X-Filler: \(body.prefix(500))\r\n", count: 200)
            }
        }
    }

    @Test(arguments: Excess.allCases)
    func `a response without measure is broken off`(excess: Excess) async throws {
        try await withHTTPServer { _ in
            [.send(excess.response)]
        } body: { url, _ in
            let client = try CurlClient(configuration: CurlConfiguration(maximumResponseSize: 4096))
            let error = await expectError(.responseTooLarge) { try await client.send(HTTPRequest(url: url)) }
            #expect(error?.status == 200)
            #expect(error?.isRetriable == false)
            #expect(client.openHandleCount == 0)
        }
    }

    @Test func `a response of exactly the limit is taken`() async throws {
        let body = String(repeating: "x", count: 4096)
        try await withHTTPServer { _ in
            [.response("200 OK", body: body)]
        } body: { url, _ in
            let client = try CurlClient(configuration: CurlConfiguration(maximumResponseSize: 4096))
            #expect(try await client.send(HTTPRequest(url: url)).body.count == 4096)
        }
    }

    @Test func `a server that never answers is left after the timeout`() async throws {
        try await withHTTPServer { _ in
            []
        } body: { url, _ in
            let client = try CurlClient(configuration: CurlConfiguration(timeout: .milliseconds(200)))
            let start = ContinuousClock.now
            let error = await expectError(.timedOut) { try await client.send(HTTPRequest(url: url)) }
            #expect(error?.isRetriable == true)
            #expect(ContinuousClock.now - start >= .milliseconds(190))
            #expect(client.openHandleCount == 0)
        }
    }

    @Test func `a server that answers too slowly is left after the timeout`() async throws {
        try await withHTTPServer { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nx")]
        } body: { url, _ in
            let client = try CurlClient()
            let error = await expectError(.timedOut) {
                try await client.send(HTTPRequest(url: url, timeout: .milliseconds(200)))
            }
            #expect(error?.status == 200)
        }
    }

    @Test func `a cancelled task leaves at once and its connection is closed`() async throws {
        let log = HTTPLog()
        try await LoopbackServer.run {
            HTTPScript(log: log) { _ in [] }
        } body: { server in
            let client = try CurlClient()
            let sending = Task { () -> CurlError.Code? in
                await expectError(.cancelled) {
                    try await client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
                }?.code
            }
            try await eventually("the request arrives") { !log.all.isEmpty }
            sending.cancel()
            #expect(await sending.value == .cancelled)
            #expect(client.openHandleCount == 0)
            try await eventually("the connection is closed") { server.closed == 1 }
        }
    }

    @Test func `a task cancelled before it sends sends nothing`() async throws {
        try await withHTTPServer { _ in
            [.response("200 OK")]
        } body: { url, log in
            let client = try CurlClient()
            let gate = Mutex<CheckedContinuation<Void, Never>?>(nil)
            let sending = Task {
                await withCheckedContinuation { continuation in gate.withLock { $0 = continuation } }
                await expectError(.cancelled) { try await client.send(HTTPRequest(url: url)) }
            }
            try await eventually { gate.withLock { $0 != nil } }
            sending.cancel()
            gate.withLock { $0.take() }?.resume()
            _ = await sending.value
            // The thread still works, and has seen nothing of the first.
            _ = try await client.send(HTTPRequest(url: url + "/second"))
            #expect(log.all.map { String($0.firstLine) } == ["GET /second HTTP/1.1"])
        }
    }

    @Test func `cancelling a crowd in mid-air leaks nothing and hurts nobody else`() async throws {
        try await withHTTPServer { request in
            request.firstLine.contains("/hang") ? [] : [.response("200 OK")]
        } body: { url, _ in
            let client = try CurlClient()
            await withTaskGroup(of: Void.self) { tasks in
                for number in 0..<60 {
                    tasks.addTask {
                        let hanging = Task {
                            await expectError(.cancelled) {
                                try await client.send(HTTPRequest(url: "\(url)/hang/\(number)"))
                            }
                        }
                        if number.isMultiple(of: 3) { await Task.yield() }
                        hanging.cancel()
                        _ = await hanging.value
                        let status = try? await client.send(HTTPRequest(url: "\(url)/\(number)")).status
                        #expect(status == 200)
                    }
                }
            }
            #expect(client.openHandleCount == 0)
        }
    }

    @Test func `a shut down client fails what is under way and everything after`() async throws {
        let log = HTTPLog()
        try await LoopbackServer.run {
            HTTPScript(log: log) { _ in [] }
        } body: { server in
            let client = try CurlClient()
            let url = "http://127.0.0.1:\(server.port)/"
            let sending = Task { await expectError(.closed) { try await client.send(HTTPRequest(url: url)) } }
            try await eventually("the request arrives") { !log.all.isEmpty }
            await client.shutdown()
            _ = await sending.value
            await expectError(.closed) { try await client.send(HTTPRequest(url: url)) }
            await client.shutdown()
            #expect(client.openHandleCount == 0)
        }
    }

    @Test func `a released client stops its thread`() async throws {
        var client: CurlClient? = try CurlClient()
        weak let thread = client?.thread
        #expect(thread != nil)
        client = nil
        try await eventually("the thread is gone") { thread == nil }
    }
}
