import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Keeps a second process away from the database file.
///
/// SQLite would let it in, and then two relays would publish the same events, each in its own order. The kernel
/// releases the lock when the process dies in any way.
final class StoreLock: Sendable {
    private let descriptor: Mutex<Int32>

    init(path: String) throws {
        let file = path + ".lock"
        let descriptor = openFile(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(message: "cannot open \(file): \(systemMessage())")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StoreError(message: "\(path) is in use by another payout-service: give each its own --database")
        }
        self.descriptor = Mutex(descriptor)
    }

    deinit {
        release()
    }

    func release() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }
}

/// Where calls that block and have no asynchronous form are made.
enum BlockingWork {
    static let queue = DispatchQueue(label: "payout.blocking")
}
