import Synchronization

/// The deliveries in the worker's hands: who is unsettled, in the order they came, and how many tasks are at work.
final class Ledger: Sendable {
    private struct Held {
        let delivery: TransportDelivery
        /// The worker's uptime when it arrived.
        let time: Duration
    }

    private struct State {
        var arrivals = 0
        var unsettled: [Int: Held] = [:]
        var tasks = 0
        var isStopping = false
        var nextWaiter = 0
        var idleWaiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    var isStopping: Bool { state.withLock(\.isStopping) }

    /// From now on nothing is started.
    func stop() {
        state.withLock { $0.isStopping = true }
    }

    /// Notes an arrival at the worker's uptime and returns its place in the order.
    func admit(_ delivery: TransportDelivery, at time: Duration = .zero) -> Int {
        state.withLock { state in
            state.arrivals += 1
            state.unsettled[state.arrivals] = Held(delivery: delivery, time: time)
            return state.arrivals
        }
    }

    /// Whether the delivery is still the worker's to settle.
    func holds(_ arrival: Int) -> Bool {
        state.withLock { $0.unsettled[arrival] != nil }
    }

    /// Takes the delivery out of the books; `false` if it was handed back meanwhile and must not be settled.
    func settle(_ arrival: Int) -> Bool {
        state.withLock { $0.unsettled.removeValue(forKey: arrival) != nil }
    }

    /// Takes everything that is unsettled, the first arrival first.
    ///
    /// A quorum queue of RabbitMQ 3.10 delivers what was handed back in the order in which it was, before the rest; a
    /// newer one puts each back into its place. So this order keeps the queue's on both.
    func takeUnsettled() -> [TransportDelivery] {
        state.withLock { state in
            defer { state.unsettled = [:] }
            return state.unsettled.sorted { $0.key < $1.key }.map(\.value.delivery)
        }
    }

    /// How many are unsettled, and the worker's uptime when the oldest of them arrived.
    var inHand: (count: Int, oldest: Duration?) {
        state.withLock { ($0.unsettled.count, $0.unsettled.values.lazy.map(\.time).min()) }
    }

    func taskBegan() {
        state.withLock { $0.tasks += 1 }
    }

    func taskEnded() {
        let waiters = state.withLock { state in
            state.tasks -= 1
            guard state.tasks == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.idleWaiters = [:] }
            return Array(state.idleWaiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when no task is at work, or when the task is cancelled.
    func idle() async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isIdle = state.withLock { state in
                    if state.tasks == 0 || Task.isCancelled { return true }
                    state.idleWaiters[id] = continuation
                    return false
                }
                if isIdle { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.idleWaiters.removeValue(forKey: id) }?.resume()
        }
    }
}
