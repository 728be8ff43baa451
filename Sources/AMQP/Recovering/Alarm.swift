import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A pause that ends by time, by a call, or by cancellation; a call that comes before the pause is kept.
final class Alarm: Sendable {
    private enum State {
        case idle
        case rung
        case waiting(CheckedContinuation<Void, Never>, Scheduled<Void>?)
    }

    private let state = NIOLockedValueBox(State.idle)

    /// Ends the pause, or the next one before it begins.
    func ring() {
        wake(isSticky: true)
    }

    private func wake(isSticky: Bool) {
        let waiting = state.withLockedValue { state -> (CheckedContinuation<Void, Never>, Scheduled<Void>?)? in
            if case .waiting(let continuation, let timer) = state {
                state = .idle
                return (continuation, timer)
            }
            if isSticky { state = .rung }
            return nil
        }
        guard let (continuation, timer) = waiting else { return }
        timer?.cancel()
        continuation.resume()
    }

    /// Pauses; one task at a time.
    func wait(atMost duration: Duration? = nil) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLockedValue { state in
                    if case .rung = state {
                        state = .idle
                        return true
                    }
                    if Task.isCancelled { return true }
                    let timer = duration.map { duration in
                        MultiThreadedEventLoopGroup.singleton.next()
                            .scheduleTask(in: TimeAmount(duration)) { self.wake(isSticky: false) }
                    }
                    state = .waiting(continuation, timer)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            wake(isSticky: false)
        }
    }
}
