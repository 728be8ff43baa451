import Synchronization

/// The trace of the last call of a handler: the line about the outcome, which is written after the call, names it.
final class TraceOfCall: Sendable {
    private let trace = Mutex<TraceContext?>(nil)

    func set(_ trace: TraceContext) { self.trace.withLock { $0 = trace } }

    var value: TraceContext? { trace.withLock { $0 } }
}
