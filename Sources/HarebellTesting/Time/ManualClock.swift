public import Harebell

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A clock that stands still until a test moves it.
///
/// With `skipsSleeps` a worker's sleeps (immediate retries, backoffs) take no real time: they move the clock and go on.
/// Alarms (timeouts, grace periods) always wait until the clock has been moved to them.
public final class ManualClock: Sendable {
    struct State: Sendable {
        var uptime: Duration = .zero
        var nextTimer = 0
        var timers: [Int: Timer] = [:]
        var sleeps: [Duration] = []
    }

    struct Timer: Sendable {
        enum Kind: Sendable { case sleep, alarm, event }
        var due: Duration
        var kind: Kind
        /// Called with `false` when the timer was cancelled.
        var fire: @Sendable (Bool) -> Void
    }

    /// Where the clock starts.
    public let origin: Date
    private let skipsSleeps: Bool
    private let state = Observed(State())

    /// A clock that starts at the first second of 2026, unless told otherwise.
    public init(
        startingAt origin: Date = Date(timeIntervalSince1970: 1_767_225_600), skipsSleeps: Bool = false
    ) {
        self.origin = origin
        self.skipsSleeps = skipsSleeps
    }

    /// The date.
    public var now: Date {
        let (seconds, attoseconds) = uptime.components
        return origin.addingTimeInterval(Double(seconds) + Double(attoseconds) / 1e18)
    }

    /// The time since the clock was made.
    public var uptime: Duration { state.value.uptime }

    /// Every sleep that was asked for, in order, also those that were skipped.
    public var sleeps: [Duration] { state.value.sleeps }

    /// This clock for a worker's configuration.
    public var workerClock: WorkerClock {
        WorkerClock(
            now: { self.now }, uptime: { self.uptime }, sleep: { try await self.sleep(for: $0) },
            alarm: { try await self.wait(until: $0, kind: .alarm) })
    }

    /// Moves the clock; everything that becomes due happens in the order of its time.
    public func advance(by duration: Duration) {
        advance(to: uptime + duration)
    }

    /// Moves the clock to an uptime; it never steps back.
    public func advance(to target: Duration) {
        while true {
            let timer: Timer? = state.update { state in
                let next = state.timers.filter { $0.value.due <= target }.min {
                    ($0.value.due, $0.key) < ($1.value.due, $1.key)
                }
                guard let next else {
                    state.uptime = max(state.uptime, target)
                    return nil
                }
                state.uptime = max(state.uptime, next.value.due)
                return state.timers.removeValue(forKey: next.key)
            }
            guard let timer else { return }
            timer.fire(true)
        }
    }

    /// Waits for the clock to be moved by a duration, or skips it.
    public func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let due = state.update { state in
            state.sleeps.append(duration)
            return state.uptime + duration
        }
        if skipsSleeps {
            advance(to: due)
            await Task.yield()
        } else {
            try await wait(until: due, kind: .sleep)
        }
    }

    /// Waits until so many sleepers are waiting for the clock to move.
    public func waitForSleepers(_ count: Int = 1, within deadline: Duration = .seconds(10)) async throws {
        try await state.wait(within: deadline) { state in state.timers.values.count { $0.kind == .sleep } >= count }
    }

    /// Waits until so many alarms are set.
    public func waitForAlarms(_ count: Int = 1, within deadline: Duration = .seconds(10)) async throws {
        try await state.wait(within: deadline) { state in state.timers.values.count { $0.kind == .alarm } >= count }
    }

    /// Calls something when the clock reaches an uptime.
    func schedule(at due: Duration, _ action: @escaping @Sendable () -> Void) {
        state.update { state in
            state.nextTimer += 1
            state.timers[state.nextTimer] = Timer(due: due, kind: .event) { _ in action() }
        }
    }

    private func wait(until due: Duration, kind: Timer.Kind) async throws {
        let id = state.update { state in
            state.nextTimer += 1
            return state.nextTimer
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let result: Result<Void, any Error>? = state.update { state in
                    if state.uptime >= due { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.timers[id] = Timer(due: due, kind: kind) { isDue in
                        continuation.resume(with: isDue ? .success(()) : .failure(CancellationError()))
                    }
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let timer = state.update { $0.timers.removeValue(forKey: id) }
            timer?.fire(false)
        }
    }
}
