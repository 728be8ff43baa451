import NIOCore

/// Runs tasks on an event loop, in the order in which they became ready.
///
/// A task that is resumed by what the loop has read runs when the loop is done with reading, and what it hands in is
/// written when all that are ready have run: neither wakes a thread. The loops of this module never end, and so neither
/// does what runs on them when a connection is lost.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
