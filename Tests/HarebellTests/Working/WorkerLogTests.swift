import Harebell
import HarebellTesting
import Logging
import Testing

/// One line per outcome, with who and what, never with a body.
@Suite(.timeLimit(.minutes(1))) struct WorkerLogTests {
    private func logged(
        _ error: (any Error)?, retry: RetryPolicy = .none, _ bench: Bench? = nil
    ) async throws -> (LogRecorder, EventID) {
        let bench = bench ?? Bench(retry: retry)
        let log = LogRecorder()
        let envelope = try Envelope(
            LoanOpened(loanID: "SECRET-BODY"), producer: "p", correlationID: "corr",
            trace: TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        bench.transport.deliver(.success(envelope), to: bench.service)
        try await bench.worker(logger: log.logger) {
            Subscription(to: LoanOpened.self, name: "open") { _, context in
                context.logger.info("inside")
                if let error { throw error }
            }
        }.running { try await bench.drain() }
        return (log, envelope.id)
    }

    @Test func `a handled event is one line with everything to find it by`() async throws {
        let (log, id) = try await logged(nil)
        let lines = log.lines(outcome: "handled")
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(line.metadata["event_id"] == id.rawValue)
        #expect(line.metadata["event_type"] == "test.loan-opened")
        #expect(line.metadata["correlation_id"] == "corr")
        #expect(line.metadata["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(line.metadata["service"] == "subject")
        #expect(line.metadata["handler"] == "open")
        #expect(line.metadata["attempt"] == "1")
        #expect(line.metadata["duration_ms"] == "0")
        #expect(line.level == .info)
    }

    @Test func `the handler's own lines carry the correlation id and the attempt`() async throws {
        let (log, id) = try await logged(nil)
        let line = try #require(log.lines.value.first { $0.message == "inside" })
        #expect(line.metadata["correlation_id"] == "corr")
        #expect(line.metadata["event_id"] == id.rawValue)
        #expect(line.metadata["attempt"] == "1")
        #expect(line.metadata["handler"] == "open")
    }

    @Test func `every attempt's outcome is one line`() async throws {
        let (log, _) = try await logged(Boom(), retry: .default)
        #expect(log.lines(outcome: "retry_immediate").map { $0.metadata["attempt"] } == ["1", "2", "3"])
        #expect(log.lines(outcome: "retry_scheduled").count == 6)
        let dead = log.lines(outcome: "dead_lettered")
        #expect(dead.count == 1)
        #expect(dead.first?.metadata["reason"] == "exhausted")
        #expect(dead.first?.metadata["error_type"] == "Boom")
        #expect(dead.first?.metadata["attempt"] == "10")
        #expect(dead.first?.level == .error)
    }

    @Test func `no line has a body`() async throws {
        let (log, _) = try await logged(Boom(), retry: .default)
        for line in log.lines.value {
            #expect(!line.message.contains("SECRET"))
            #expect(line.metadata.values.allSatisfy { !$0.contains("SECRET") })
        }
    }

    @Test func `an outcome that cannot be stored is said each time`() async throws {
        let bench = Bench(retry: .none)
        bench.transport.fail(.deadLetter, times: 2)
        let (log, _) = try await logged(Boom(), bench)
        let lines = log.lines.value.filter { $0.metadata["storing"] == "dead letter" }
        #expect(lines.map { $0.metadata["again_after_ms"] } == ["100", "200"])
        #expect(lines.allSatisfy { $0.level == .error })
    }
}
