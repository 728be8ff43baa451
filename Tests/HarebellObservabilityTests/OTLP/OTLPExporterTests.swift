import HTTPTypes
import HarebellTesting
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing
import Tracing

@testable import HarebellDevelopment
@testable import HarebellObservability

@Suite(.timeLimit(.minutes(1))) struct `The OTLP exporter` {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private struct Received: Sendable {
        var requests: [(contentType: String?, key: String?, bytes: Int)] = []
    }

    /// Runs an exporter against a collector that answers so, and gives the body a tracer.
    ///
    /// Unless a test is about time, no request times out and the shutdown has time enough: a machine under load answers
    /// late, and what timed out would rightly be sent again.
    private func exporting(
        to answers: [Response], variables: [String: String] = [:], flushLimit: Duration = .seconds(50),
        _ body: @escaping @Sendable (HarebellTracer, Observed<Received>) async throws -> Void
    ) async throws -> Received {
        let received = Observed(Received())
        let server = try await LoopbackServer.start(port: 0, logger: quiet) { request, _ in
            let buffer = try await request.body.collect(upTo: 1 << 20)
            return received.update { received in
                let number = received.requests.count
                received.requests.append(
                    (
                        request.headers[.contentType], HTTPField.Name("api-key").flatMap { request.headers[$0] },
                        buffer.readableBytes
                    ))
                return answers[min(number, answers.count - 1)]
            }
        }
        var environment = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(server.port)", "OTEL_BSP_SCHEDULE_DELAY": "20",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=canary", "OTEL_EXPORTER_OTLP_TIMEOUT": "600000",
        ]
        environment.merge(variables) { $1 }
        let made = try OTLPSettings(environment: environment, service: "test", version: "1")
        let exporter = OTLPExporter(settings: try #require(made), version: "1", logger: quiet, flushLimit: flushLimit)
        let group = ServiceGroup(services: [exporter], logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body(HarebellTracer(queue: exporter.queue), received)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await server.stop()
        return received.value
    }

    private static func work(_ tracer: HarebellTracer, _ count: Int = 1) {
        for _ in 0..<count { tracer.withSpan("work", context: .topLevel) { _ in } }
    }

    @Test func `spans go out by themselves, as protobuf, with the headers`() async throws {
        let received = try await exporting(to: [Response(status: .ok)]) { tracer, received in
            Self.work(tracer)
            try await received.wait { $0.requests.count == 1 }
        }
        #expect(received.requests.first?.contentType == "application/x-protobuf")
        #expect(received.requests.first?.key == "canary")
        #expect((received.requests.first?.bytes ?? 0) > 100)
    }

    @Test func `a collector that is busy is asked again after the time it gives`() async throws {
        let busy = Response(status: .serviceUnavailable, headers: [.retryAfter: "0"])
        let received = try await exporting(to: [busy, busy, Response(status: .ok)]) { tracer, received in
            Self.work(tracer)
            try await received.wait { $0.requests.count == 3 }
        }
        #expect(received.requests.count == 3)
    }

    @Test func `one that refuses is not asked again`() async throws {
        let received = try await exporting(to: [Response(status: .badRequest)]) { tracer, received in
            Self.work(tracer)
            try await received.wait { $0.requests.count == 1 }
            Self.work(tracer)
            try await received.wait { $0.requests.count == 2 }
        }
        #expect(received.requests.count == 2)
    }

    @Test func `what is left goes out at the shutdown, in batches`() async throws {
        let variables = ["OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"]
        let received = try await exporting(to: [Response(status: .ok)], variables: variables) { tracer, _ in
            Self.work(tracer, 50)
        }
        #expect(received.requests.count == 1)
    }

    @Test func `a collector that is away does not hold up the shutdown beyond its limit`() async throws {
        let start = ContinuousClock.now
        let variables = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY": "3600000"]
        _ = try await exporting(
            to: [Response(status: .ok)], variables: variables, flushLimit: OTLPExporter.defaultFlushLimit
        ) { tracer, _ in Self.work(tracer) }
        #expect(ContinuousClock.now - start < OTLPExporter.defaultFlushLimit + .seconds(8))
    }

    @Test(arguments: [true, false])
    func `one that takes the connection and never answers does not either`(isUnderWay: Bool) async throws {
        let calls = Observed(0)
        let collector = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { calls.update { $0 += 1 } }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(collector.localAddress?.port)
        let variables = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)",
            "OTEL_BSP_SCHEDULE_DELAY": isUnderWay ? "1" : "3600000",
        ]
        let shutdown = Observed<ContinuousClock.Instant?>(nil)
        _ = try await exporting(
            to: [Response(status: .ok)], variables: variables, flushLimit: OTLPExporter.defaultFlushLimit
        ) { tracer, _ in
            Self.work(tracer)
            // What comes while the first request is under way is left for the flush.
            if isUnderWay {
                try await calls.wait { $0 == 1 }
                Self.work(tracer)
            }
            shutdown.update { $0 = .now }
        }
        let took = try #require(shutdown.value).duration(to: .now)
        // The request alone would take ten minutes.
        #expect(took < OTLPExporter.defaultFlushLimit + .seconds(8), "\(took)")
        #expect(calls.value == 1)
        try await collector.close()
    }

    @Test func `the collector's count of rejected spans is read, and nonsense is none`() {
        #expect(OTLPResponse.rejectedSpans([0x0A, 0x02, 0x08, 0x05]) == 5)
        #expect(OTLPResponse.rejectedSpans([0x0A, 0x07, 0x08, 0xAC, 0x02, 0x12, 0x02, 0x6E, 0x6F]) == 300)
        for bytes: [UInt8] in [[], [0x0A], [0x0A, 0xFF], [0xFF, 0xFF], [0x0A, 0x02, 0x08], Array("{}".utf8)] {
            #expect(OTLPResponse.rejectedSpans(bytes) == 0)
        }
    }
}
