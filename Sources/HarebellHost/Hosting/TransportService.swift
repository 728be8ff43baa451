import Harebell
import ServiceLifecycle

/// Runs a transport's connections as a service of their own.
struct TransportService<T: Transport>: Service {
    let transport: T

    func run() async throws {
        try await transport.run()
    }
}
