import Synchronization

/// What a transfer is to do; its URL has been checked.
enum Job: Sendable {
    case http(HTTPRequest, ServerURL)
    case mail(MailSubmission, ServerURL)
}

/// What a server answered.
struct Reply: Sendable {
    var status = 0
    var fields = HTTPFields()
    var body: [UInt8] = []
    /// The last line of the server's reply (SMTP).
    var lastLine = ""
}

/// One caller that waits for a transfer.
///
/// `begin` and `cancel` happen on the caller's side, `finish` on the client's thread, in any order. The cancel mark is
/// set before the thread is told, so a cancellation is seen either when the transfer is to start or as a message after.
final class Call: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result<Reply, CurlError>, Never>?
        var isCancelled = false
    }

    let job: Job
    private let state = Mutex(State())

    init(_ job: Job) {
        self.job = job
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    func begin(_ continuation: CheckedContinuation<Result<Reply, CurlError>, Never>) {
        state.withLock { $0.continuation = continuation }
    }

    func cancel() {
        state.withLock { $0.isCancelled = true }
    }

    /// Wakes the caller; the first result wins.
    func finish(_ result: Result<Reply, CurlError>) {
        let continuation = state.withLock { $0.continuation.take() }
        continuation?.resume(returning: result)
    }
}
