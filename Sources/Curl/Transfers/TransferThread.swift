import CCurl
import CCurlShim
import Synchronization

/// The thread on which all transfers of a client run.
///
/// Others hand it messages through an inbox and wake it; everything of libcurl but the wake-up happens on the thread.
///
///     running ──(stop)──► stopping: every transfer fails with .closed ──► stopped: waiters resume, handle freed
///
/// Lifetimes. The multi handle is made by `start` and freed by the thread at its end, after it was taken out of the
/// inbox under the lock; a wake-up happens under the same lock, so it never meets a freed handle. A transfer belongs
/// to `Loop.transfers` from `curl_multi_add_handle` to `curl_multi_remove_handle`; freeing it frees its easy handle.
final class TransferThread: Sendable {
    private enum Message {
        case start(Call)
        case cancel(Call)
    }

    private struct Inbox {
        var messages: [Message] = []
        /// Nil once the thread is past its loop.
        var multi: MultiHandle?
        var isStopping = false
        var waiters: [CheckedContinuation<Void, Never>] = []

        func wake() {
            if let multi { curl_multi_wakeup(multi.pointer) }
        }
    }

    /// libcurl's handle for many transfers.
    ///
    /// Unchecked: off the thread it is only passed to `curl_multi_wakeup`, which libcurl documents as thread-safe.
    private struct MultiHandle: @unchecked Sendable {
        let pointer: UnsafeMutableRawPointer
    }

    private let configuration: CurlConfiguration
    private let inbox: Mutex<Inbox>
    private let openHandleCount = Atomic<Int>(0)

    /// Once per process, before the first handle; Swift runs it once whichever thread comes first.
    private static let globalInitialisation = harebell_curl_global_init()

    private init(configuration: CurlConfiguration, multi: MultiHandle) {
        self.configuration = configuration
        self.inbox = Mutex(Inbox(multi: multi))
    }

    static func start(configuration: CurlConfiguration) throws(CurlError) -> TransferThread {
        guard globalInitialisation == CURLE_OK, let pointer = curl_multi_init() else {
            throw CurlError(.failed, "libcurl cannot be initialised")
        }
        _ = harebell_curl_multi_set_long(
            pointer, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.maximumConnectionsPerHost)
        // Otherwise the cache shrinks with the number of transfers, and closing a mail connection waits for its QUIT.
        _ = harebell_curl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, configuration.maximumConnectionsPerHost * 2)
        let thread = TransferThread(configuration: configuration, multi: MultiHandle(pointer: pointer))
        // The running thread owns one reference, which its body takes over.
        let context = Unmanaged.passRetained(thread)
        let error = harebell_curl_start_thread(
            { context in
                guard let context else { return }
                Unmanaged<TransferThread>.fromOpaque(context).takeRetainedValue().run()
            }, context.toOpaque())
        guard error == 0 else {
            context.release()
            curl_multi_cleanup(pointer)
            throw CurlError(.failed, "no thread can be started (errno \(error))")
        }
        return thread
    }

    /// How many easy handles exist, for the tests that look for leaks.
    var openHandles: Int { openHandleCount.load(ordering: .acquiring) }

    func countHandle(_ change: Int) {
        openHandleCount.add(change, ordering: .acquiringAndReleasing)
    }

    // MARK: From any thread

    func start(_ call: Call) {
        if !post(.start(call)) {
            call.finish(.failure(CurlError(.closed, "the client is shut down")))
        }
    }

    func cancel(_ call: Call) {
        _ = post(.cancel(call))
    }

    func stop() {
        inbox.withLock { inbox in
            inbox.isStopping = true
            inbox.wake()
        }
    }

    func stopAndWait() async {
        await withCheckedContinuation { continuation in
            let isOver = inbox.withLock { inbox in
                inbox.isStopping = true
                guard inbox.multi != nil else { return true }
                inbox.waiters.append(continuation)
                inbox.wake()
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    private func post(_ message: Message) -> Bool {
        inbox.withLock { inbox in
            guard !inbox.isStopping else { return false }
            inbox.messages.append(message)
            // One wake-up per batch.
            if inbox.messages.count == 1 { inbox.wake() }
            return true
        }
    }

    // MARK: On the thread

    private func run() {
        guard let multi = inbox.withLock({ $0.multi?.pointer }) else { return }
        var transfers: [ObjectIdentifier: Transfer] = [:]
        var isStopping = false
        while !isStopping {
            let messages: [Message]
            (messages, isStopping) = inbox.withLock { inbox in
                (inbox.messages.takeAll(), inbox.isStopping)
            }
            for message in messages {
                switch message {
                case .start(let call): begin(call, on: multi, in: &transfers)
                case .cancel(let call):
                    if let transfer = transfers[ObjectIdentifier(call)] {
                        let error = CurlError(.cancelled, "the task was cancelled")
                        end(transfer, with: .failure(error), on: multi, in: &transfers)
                    }
                }
            }
            if isStopping { break }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            settle(on: multi, in: &transfers)
            // Sleeps until a socket, a timer of libcurl or a wake-up; the upper bound only bounds a lost wake-up.
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
        let closed = CurlError(.closed, "the client was shut down")
        for transfer in Array(transfers.values) {
            end(transfer, with: .failure(closed), on: multi, in: &transfers)
        }
        let waiters = inbox.withLock { inbox in
            inbox.multi = nil
            return inbox.waiters.takeAll()
        }
        for waiter in waiters { waiter.resume() }
        // Says QUIT on idle mail connections, which may wait for a server that does not answer: nobody waits for us.
        curl_multi_cleanup(multi)
    }

    private func begin(
        _ call: Call, on multi: UnsafeMutableRawPointer, in transfers: inout [ObjectIdentifier: Transfer]
    ) {
        guard !call.isCancelled else {
            return call.finish(.failure(CurlError(.cancelled, "the task was cancelled")))
        }
        do throws(CurlError) {
            let transfer = try Transfer(call, configuration: configuration, thread: self)
            guard curl_multi_add_handle(multi, transfer.easy.pointer) == CURLM_OK else {
                throw CurlError(.failed, "libcurl does not take the transfer")
            }
            transfers[ObjectIdentifier(call)] = transfer
        } catch {
            call.finish(.failure(error))
        }
    }

    private func settle(on multi: UnsafeMutableRawPointer, in transfers: inout [ObjectIdentifier: Transfer]) {
        var rest: Int32 = 0
        while let message = curl_multi_info_read(multi, &rest) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            // Both are read before the handle is removed, which invalidates the message.
            let code = harebell_curl_message_result(message)
            guard let transfer = Transfer.of(message.pointee.easy_handle) else { continue }
            end(transfer, with: transfer.result(code), on: multi, in: &transfers)
        }
    }

    /// The caller wakes only after its handle is gone.
    private func end(
        _ transfer: Transfer, with result: Result<Reply, CurlError>, on multi: UnsafeMutableRawPointer,
        in transfers: inout [ObjectIdentifier: Transfer]
    ) {
        let call = transfer.call
        curl_multi_remove_handle(multi, transfer.easy.pointer)
        transfer.close()
        transfers[ObjectIdentifier(call)] = nil
        call.finish(result)
    }
}

extension Array {
    fileprivate mutating func takeAll() -> [Element] {
        defer { removeAll() }
        return self
    }
}
