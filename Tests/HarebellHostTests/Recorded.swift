import ServiceLifecycle
import Synchronization

/// Collects digits in the order in which they come.
final class Order: Sendable {
    private let value = Mutex<Int32>(0)
    var digits: Int32 { value.withLock { $0 } }
    func append(_ digit: Int32) { value.withLock { $0 = $0 * 10 + digit } }
}

/// Notes when it is told to stop.
struct Recorded: Service {
    let number: Int32
    let order: Order

    func run() async throws {
        try? await gracefulShutdown()
        order.append(number)
    }
}
