import ArgumentParser
import Harebell
import HarebellObservability
import ServiceLifecycle
import Testing

@testable import HarebellHost

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Runs until shutdown begins, or longer; sends signals to its own process.
private struct Signalled: Service {
    let signals: [Int32]
    let isStubborn: Bool

    func run() async throws {
        for signal in signals {
            kill(getpid(), signal)
            if signal == signals.first { try? await gracefulShutdown() }
        }
        guard isStubborn else { return }
        // Never ends, not even by cancellation.
        await withCheckedContinuation { (_: CheckedContinuation<Void, Never>) in }
    }
}

@Suite(.timeLimit(.minutes(1))) struct SignalExitTests {
    private static func run(_ services: [any Service], arguments: [String] = []) async throws {
        let host = try await Host(
            service: "email", options: try HostOptions.parse(arguments), environment: [:],
            output: LogOutput(descriptor: -1))
        try await host.run(services)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `the first signal shuts down gracefully and run returns`(signal: Int32) async {
        await #expect(processExitsWith: .exitCode(42)) { [signal] in
            try await Self.run([Signalled(signals: [signal], isStubborn: false)])
            exit(42)
        }
    }

    @Test func `the second signal exits at once with 130`() async {
        await #expect(processExitsWith: .exitCode(130)) {
            try await Self.run([Signalled(signals: [SIGTERM, SIGINT], isStubborn: true)])
        }
    }

    @Test func `services are stopped the last one first`() async {
        await #expect(processExitsWith: .exitCode(12)) {
            let order = Order()
            try await Self.run([
                Recorded(number: 2, order: order), Recorded(number: 1, order: order),
                Signalled(signals: [SIGTERM], isStubborn: false),
            ])
            exit(order.digits)
        }
    }

    @Test func `an error of a service ends the run`() async {
        struct Broken: Error {}
        struct Failing: Service {
            func run() async throws { throw Broken() }
        }
        await #expect(throws: Broken.self) { try await Self.run([Failing()]) }
    }
}
