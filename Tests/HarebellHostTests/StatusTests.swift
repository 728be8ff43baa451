import Curl
import Foundation
import Harebell
import HarebellDevelopment
import TestSupport
import Testing

/// What the status port of a real process answers.
@Suite(.timeLimit(.minutes(2))) struct `The status port of a process` {
    /// The port that the process says it listens on.
    private func port(of process: ExampleProcess) async throws -> Int {
        try await eventualValue("the status port", within: .seconds(30)) {
            for line in try process.errors.split(separator: "\n") where line.contains("status server listens") {
                let fields = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
                return fields["address"].flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
            }
            return nil
        }
    }

    @Test func `tells readiness, progress and metrics of a worker, and all of it without a broker too`() async throws {
        try await withTemporaryDirectory { folder in
            let client = try CurlClient()
            try await withVirtualHost { url in
                let process = try ExampleProcess(
                    ["--status-port", "0"], environment: ["HAREBELL_URL": url], in: folder)
                let base = "http://127.0.0.1:\(try await port(of: process))"
                func get(_ path: String) async throws -> (status: Int, text: String) {
                    let response = try await client.send(HTTPRequest(url: base + path))
                    return (response.status, String(decoding: response.body, as: UTF8.self))
                }
                try await eventually("readiness", within: .seconds(30)) { try await get("/readyz").status == 200 }
                #expect(try await get("/startupz").status == 200)
                let ready = try await get("/readyz").text
                #expect(
                    ready
                        == "{\"status\":\"ok\",\"checks\":{\"broker\":\"connected\",\"worker example\":\"running\"}}\n")
                #expect(try await get("/livez").text.contains("\"event loops\":\"make progress\""))
                let metrics = try await get("/metrics").text
                for sample in [
                    "harebell_worker_state{service=\"example\",state=\"running\"} 1\n",
                    "harebell_connection_open{connection=\"consumes\"} 1\n",
                    "harebell_connections_opened_total{connection=\"publishes\"} 1\n",
                    "harebell_deliveries_total{event_type=\"loan.paid-out\",outcome=\"handled\",service=\"example\"} 0\n",
                ] {
                    #expect(metrics.contains(sample), "\(sample)")
                }
                func put(_ method: String, _ path: String, _ body: String = "") async throws -> String {
                    let response = try await client.send(
                        HTTPRequest(method: method, url: base + path, body: Array(body.utf8)))
                    return String(decoding: response.body, as: UTF8.self)
                }
                #expect(try await put("POST", "/control/pause").contains("example paused, prefetch 20"))
                #expect(try await get("/readyz").status == 503)
                #expect(try await get("/livez").status == 200)
                #expect(try await put("PUT", "/control/prefetch", "7").contains("prefetch 7"))
                #expect(try await put("POST", "/control/resume").contains("example running, prefetch 7"))
                #expect(try await get("/readyz").status == 200)
                #expect(try await put("POST", "/control/drain").contains("example paused"))
                process.signal(SIGTERM)
                #expect(try await process.exitCode() == 0)
            }
            let process = try ExampleProcess(
                ["--status-port", "0"], environment: ["HAREBELL_URL": "amqp://127.0.0.1:1"], in: folder)
            let base = "http://127.0.0.1:\(try await port(of: process))"
            func status(_ path: String) async throws -> Int {
                try await client.send(HTTPRequest(url: base + path)).status
            }
            #expect(try await status("/livez") == 200)
            #expect(try await status("/readyz") == 503)
            #expect(try await status("/startupz") == 503)
            process.signal(SIGTERM)
            #expect(try await process.exitCode() == 0)
            await client.shutdown()
        }
    }

    @Test func `a port that is taken, and one that is none, end the process with what is wrong`() async throws {
        try await withTemporaryDirectory { folder in
            let none = try ExampleProcess(["--status-port", "70000"], in: folder)
            #expect(try await none.exitCode() == 64)
            #expect(try none.errors.contains("--status-port"))
            let host = try ExampleProcess(["--status-host", "127.0.0.1"], in: folder)
            #expect(try await host.exitCode() == 64)
        }
    }
}
