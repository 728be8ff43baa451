#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// Time as a value, so that a test can own it.
public struct WorkerClock: Sendable {
    /// The date.
    public var now: @Sendable () -> Date
    /// The time since some moment in the past; never steps back.
    public var uptime: @Sendable () -> Duration
    /// Waits because work has to wait, for a retry or a backoff.
    ///
    /// A test clock may skip it.
    public var sleep: @Sendable (Duration) async throws -> Void
    /// Waits until ``uptime`` reaches a deadline, of a timeout or a grace period.
    ///
    /// A test clock never skips ahead for it.
    public var alarm: @Sendable (Duration) async throws -> Void

    /// A clock from its parts.
    public init(
        now: @escaping @Sendable () -> Date, uptime: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        alarm: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.uptime = uptime
        self.sleep = sleep
        self.alarm = alarm
    }

    /// The machine's time.
    public static let system: WorkerClock = {
        let origin = ContinuousClock.now
        return WorkerClock(
            now: { Date() },
            uptime: { ContinuousClock.now - origin },
            sleep: { try await Task.sleep(for: $0) },
            alarm: { try await Task.sleep(until: origin + $0, clock: .continuous) })
    }()
}

/// Chance as a value, so that a test can repeat it.
public struct Randomness: Sendable {
    /// The next number in 0 ..< 1.
    public var next: @Sendable () -> Double

    /// Chance from a function.
    public init(_ next: @escaping @Sendable () -> Double) {
        self.next = next
    }

    /// The machine's randomness.
    public static let system = Randomness { Double.random(in: 0..<1) }
}

extension WorkerClock {
    /// Runs `body`, and cancels it when so much time has passed; returns when it has ended.
    func run(for limit: Duration, _ body: @escaping @Sendable () async -> Void) async {
        let deadline = uptime() + limit
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await body() }
            group.addTask { try? await self.alarm(deadline) }
            await group.next()
            group.cancelAll()
        }
    }
}
