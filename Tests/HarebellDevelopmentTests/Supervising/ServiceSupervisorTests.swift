import HarebellDevelopment
import TestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

@Suite struct ServiceSupervisorTests {
    private func shell(_ script: String, name: String = "test") -> ServiceDescription {
        ServiceDescription(
            name: name, executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"])
    }

    /// Events one by one.
    fileprivate struct Reader: Sendable {
        let stream: AsyncStream<ServiceEvent>

        func next() async -> ServiceEvent? {
            for await event in stream { return event }
            return nil
        }
    }

    /// Runs a supervisor, hands its events to `body`, and stops it.
    private func supervise(
        _ services: [ServiceDescription], grace: Duration = .seconds(5),
        _ body: (ServiceSupervisor, Reader) async throws -> Void
    ) async throws -> [ServiceEvent] {
        let backoff = RestartBackoff(first: .milliseconds(10), longest: .milliseconds(40))
        let supervisor = ServiceSupervisor(services, backoff: backoff, grace: grace)
        let events = ServiceSupervisorTests.Reader(stream: supervisor.events())
        let running = Task { await supervisor.run() }
        do {
            try await body(supervisor, events)
        } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        await running.value
        var rest: [ServiceEvent] = []
        while let event = await events.next() { rest.append(event) }
        return rest
    }

    @Test(.timeLimit(.minutes(1)))
    func `a program that exits is started again after growing waits, and each is said`() async throws {
        _ = try await supervise([shell("echo out; echo err >&2; exit 3")]) { _, events in
            var seen: [ServiceEvent] = []
            while seen.count < 12, let event = await events.next() {
                if case .started = event { continue }
                seen.append(event)
            }
            let waits = [10, 20, 40, 40].map { Duration.milliseconds($0) }
            #expect(
                seen
                    == waits.flatMap { wait -> [ServiceEvent] in
                        [
                            .line(service: "test", text: "out"), .line(service: "test", text: "err"),
                            .exited(service: "test", .exited(3), restartIn: wait),
                        ]
                    })
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a program that is killed is said to be killed`() async throws {
        _ = try await supervise([shell("echo ready; while :; do sleep 5; done")]) { supervisor, events in
            while let event = await events.next(), event != .line(service: "test", text: "ready") {}
            let pid = try #require(supervisor.processID(of: "test"))
            #expect(supervisor.signal(SIGKILL, to: "test"))
            // A line may overtake the news of the start: what counts is how the end is told.
            let end = ServiceEvent.exited(service: "test", .signaled(SIGKILL), restartIn: .milliseconds(10))
            while let event = await events.next(), event != end {}
            guard case .started(_, let next) = await events.next() else {
                Issue.record("it was not started again")
                return
            }
            #expect(next != pid)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `stopping asks with SIGTERM and takes children along`() async throws {
        var pids: [Int32] = []
        let rest = try await supervise(
            [shell("trap 'echo bye; exit 0' TERM; sleep 600 & echo child $!; wait")]
        ) { supervisor, events in
            while pids.isEmpty, let event = await events.next() {
                if case .line(_, let text) = event, let pid = Int32(text.dropFirst(6)) { pids.append(pid) }
            }
            pids.append(try #require(supervisor.processID(of: "test")))
        }
        #expect(rest.contains(.line(service: "test", text: "bye")))
        #expect(rest.last == .stopped(service: "test", .exited(0)))
        for pid in pids { try await eventually("the end of \(pid)") { !ProcessTable.isAlive(pid) } }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a program that ignores SIGTERM is killed at its deadline`() async throws {
        let rest = try await supervise(
            [shell("trap '' TERM; echo ready; while :; do sleep 1; done")], grace: .milliseconds(100)
        ) { _, events in
            while let event = await events.next(), event != .line(service: "test", text: "ready") {}
        }
        #expect(rest.last == .stopped(service: "test", .signaled(SIGKILL)))
    }

    @Test(.timeLimit(.minutes(1)))
    func `one service is stopped and started while the others run`() async throws {
        let script = "echo ready; while :; do sleep 5; done"
        _ = try await supervise([shell(script, name: "a"), shell(script, name: "b")], grace: .milliseconds(200)) {
            supervisor, events in
            var ready = 0
            while ready < 2, let event = await events.next() {
                if case .line = event { ready += 1 }
            }
            let other = supervisor.processID(of: "b")
            await supervisor.stop("a")
            try await eventually { supervisor.processID(of: "a") == nil }
            #expect(supervisor.processID(of: "b") == other)
            supervisor.start("a")
            try await eventually { supervisor.processID(of: "a") != nil }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a program that is not there is said and tried again`() async throws {
        _ = try await supervise([ServiceDescription(name: "x", executable: "/nonexistent/program")]) { _, events in
            for wait in [10, 20] {
                guard case .startFailed("x", let reason, let restartIn) = await events.next() else {
                    Issue.record("the start did not fail")
                    return
                }
                #expect(reason.contains("/nonexistent/program"))
                #expect(restartIn == .milliseconds(wait))
            }
        }
    }
}

@Suite struct SupervisorExitTests {
    @Test(.timeLimit(.minutes(1)))
    func `programs end with the process that supervises them, kill -9 included`() async throws {
        let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let service = ServiceDescription(
                name: "x", executable: "/bin/sh", arguments: ["-c", "sleep 600 & echo $$ $!; wait"],
                environment: ["PATH": "/usr/bin:/bin"])
            let supervisor = ServiceSupervisor([service])
            let events = ServiceSupervisorTests.Reader(stream: supervisor.events())
            let running = Task { await supervisor.run() }
            while let event = await events.next() {
                guard case .line(_, let text) = event else { continue }
                print("held \(text)")
                fflush(nil)
                kill(getpid(), SIGKILL)
            }
            await running.value
        }
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("held ") })
        let pids = line.split(separator: " ").dropFirst().compactMap { Int32($0) }
        #expect(pids.count == 2)
        for pid in pids { try await eventually("the end of \(pid)") { !ProcessTable.isAlive(pid) } }
    }
}
