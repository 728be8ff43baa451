import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Runs tasks on an event loop, in the order in which they became ready; there is one for each of the shared loops.
///
/// A task that is resumed by what the loop has read runs when the loop is done with reading, and what it hands in is
/// written when all that are ready have run: neither wakes a thread. The loops of this module never end, and so neither
/// does what runs on them when a connection is lost.
///
/// An event loop looks at its sockets when nothing is ready to run, which tasks that make one another ready could put off
/// for ever. So when nothing was read for ``longest``, jobs wait for ``rest``, in which it looks:
///
///     running ──longest without a read──► resting ──rest is over──► running
///                                          └──it was over late: other work may have filled it──► resting
final class EventLoopTaskExecutor: TaskExecutor {
    static let longest = TimeAmount.milliseconds(10)
    static let rest = TimeAmount.milliseconds(1)
    /// So many rests follow one another at most: a loop may be late for other reasons.
    static let mostRests = 4

    private struct State: Sendable {
        var jobs = CircularBuffer<UnownedJob>()
        /// Whether the event loop will take jobs.
        var isScheduled = false
        /// When the first job ran after the last read or rest.
        var since: NIODeadline?
    }

    private enum Next {
        case run(UnownedJob)
        case rest
        case nothing
    }

    private static let shared: [ObjectIdentifier: EventLoopTaskExecutor] = {
        var executors: [ObjectIdentifier: EventLoopTaskExecutor] = [:]
        for eventLoop in MultiThreadedEventLoopGroup.singleton.makeIterator() {
            executors[ObjectIdentifier(eventLoop)] = EventLoopTaskExecutor(eventLoop)
        }
        return executors
    }()

    /// The executor of an event loop.
    static func of(_ eventLoop: any EventLoop) -> EventLoopTaskExecutor {
        shared[ObjectIdentifier(eventLoop)] ?? EventLoopTaskExecutor(eventLoop)
    }

    private let eventLoop: any EventLoop
    private let state = NIOLockedValueBox(State())

    private init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLockedValue { state in
            state.jobs.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { eventLoop.execute { self.run() } }
    }

    /// The event loop has looked at its sockets: something was read.
    func noteRead() {
        state.withLockedValue { $0.since = nil }
    }

    private func run() {
        while true {
            let now = NIODeadline.now()
            let next = state.withLockedValue { state -> Next in
                guard !state.jobs.isEmpty else {
                    state.isScheduled = false
                    return .nothing
                }
                let since = state.since ?? now
                state.since = since
                return now - since < Self.longest ? .run(state.jobs.removeFirst()) : .rest
            }
            switch next {
            case .run(let job): job.runSynchronously(on: asUnownedTaskExecutor())
            case .rest: return rest(Self.mostRests, until: now + Self.rest)
            case .nothing: return
            }
        }
    }

    private func rest(_ left: Int, until end: NIODeadline) {
        eventLoop.scheduleTask(deadline: end) {
            let now = NIODeadline.now()
            guard left > 1, (now - end).nanoseconds > Self.rest.nanoseconds / 2 else {
                self.noteRead()
                return self.run()
            }
            self.rest(left - 1, until: now + Self.rest)
        }
    }
}
