public import HarebellDevelopment
public import Logging

/// The private RabbitMQ node that all tests of one process share.
///
/// It is started when the first test asks for it, and it is gone, with its data, when the test process ends, however
/// that ends. Tests that kill or freeze a node start their own with `withPrivateBroker`.
public enum TestBroker {
    /// The one task without a parent here: it belongs to the process, not to the test that happened to come first,
    /// whose cancellation must not take the node from the others.
    private static let started = Task {
        try await PrivateBroker.start(in: TemporaryDirectory.make(prefix: "harebell-tests"), logger: quietLogger)
    }

    /// The shared node, with its management API.
    public static func shared() async throws -> PrivateBroker {
        try await started.value
    }
}

/// A logger that writes nothing.
public let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Runs a test in a virtual host of its own on the shared node; `url` is its administrator's URL.
public func withVirtualHost<Result>(
    _ body: (_ url: String) async throws -> Result
) async throws -> Result {
    try await withVirtualHost { _, url in try await body(url) }
}

/// Runs a test in a virtual host of its own, with the shared node and the virtual host's name: `broker.queues(in: name)`.
public func withVirtualHost<Result>(
    _ body: (_ host: TestVirtualHost, _ url: String) async throws -> Result
) async throws -> Result {
    let broker = try await TestBroker.shared()
    let host = TestVirtualHost(broker: broker, name: uniqueName("vhost"))
    try await broker.addVirtualHost(host.name)
    do {
        let result = try await body(host, broker.url(virtualHost: host.name))
        try? await broker.removeVirtualHost(host.name)
        return result
    } catch {
        try? await broker.removeVirtualHost(host.name)
        throw error
    }
}

/// A virtual host of the shared node that belongs to one test.
public struct TestVirtualHost: Sendable {
    /// The shared node.
    ///
    /// Tests neither kill nor freeze it.
    public let broker: PrivateBroker
    /// The virtual host's name.
    public let name: String
}

/// Runs a test with a node of its own, which it may kill and freeze; node and data are gone afterwards.
public func withPrivateBroker<Result>(
    management: Bool = true, _ body: (PrivateBroker) async throws -> Result
) async throws -> Result {
    try await withTemporaryDirectory { directory in
        let broker = try await PrivateBroker.start(in: directory, management: management, logger: quietLogger)
        do {
            let result = try await body(broker)
            await broker.stop()
            return result
        } catch {
            await broker.stop()
            throw error
        }
    }
}

/// Runs tests with a cluster of three nodes of their own, which they may kill and freeze; it is gone afterwards.
public func withPrivateCluster<Result>(_ body: (PrivateCluster) async throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { directory in
        let cluster = try await PrivateCluster.start(in: directory, logger: quietLogger)
        do {
            let result = try await body(cluster)
            await cluster.stop()
            return result
        } catch {
            await cluster.stop()
            throw error
        }
    }
}

/// Runs a test with an empty directory, which is removed afterwards.
public func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let directory = try TemporaryDirectory.make(prefix: "harebell-tests")
    defer { TemporaryDirectory.remove(directory) }
    return try await body(directory)
}
