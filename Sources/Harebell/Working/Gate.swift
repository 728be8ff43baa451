import Synchronization

/// Lets work start, except while somebody holds it closed.
final class Gate: Sendable {
    private struct State {
        var holders = 0
        var isOpenForGood = false
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]

        var isOpen: Bool { holders == 0 || isOpenForGood }

        mutating func takeWaitersIfOpen() -> [CheckedContinuation<Void, Never>] {
            guard isOpen, !waiters.isEmpty else { return [] }
            defer { waiters = [:] }
            return waiters.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private let state = Mutex(State())

    var isOpen: Bool { state.withLock(\.isOpen) }

    func close() {
        state.withLock { $0.holders += 1 }
    }

    func open() {
        change { $0.holders -= 1 }
    }

    /// Shutdown: nobody waits here any more.
    func openForGood() {
        change { $0.isOpenForGood = true }
    }

    /// Returns when the gate is open, or when the task is cancelled.
    func pass() async {
        guard !isOpen else { return }
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mayPass = state.withLock { state in
                    if state.isOpen || Task.isCancelled { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if mayPass { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let waiters = state.withLock { state in
            body(&state)
            return state.takeWaitersIfOpen()
        }
        for waiter in waiters { waiter.resume() }
    }
}
