import TestSupport
import Testing

@testable import AMQP

/// What cannot work is refused before anything is tried.
@Suite struct `Configuration that cannot work` {
    private static let local = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: 1)])

    static let cases: [(words: String, change: @Sendable (inout AMQPConfiguration) -> Void)] = [
        ("names no host", { $0.hosts = [] }),
        ("127.0.0.1:0 has no port", { $0.hosts = [.init(name: "127.0.0.1", port: 0)] }),
        ("127.0.0.1:65536 has no port", { $0.hosts.append(.init(name: "127.0.0.1", port: 65_536)) }),
        ("127.0.0.1:-1 has no port", { $0.hosts = [.init(name: "127.0.0.1", port: -1)] }),
        ("frameMax", { $0.frameMax = 4095 }),
        ("virtual host", { $0.virtualHost = String(repeating: "v", count: 256) }),
        ("heartbeat", { $0.heartbeat = .seconds(-1) }),
        ("maximumBodySize", { $0.maximumBodySize = -1 }),
        ("connectionName", { $0.connectionName = String(repeating: "n", count: 1025) }),
        ("client certificate", { $0.credentials = .external }),
    ]

    @Test(arguments: cases.indices) func `is refused, and told by its name`(index: Int) async {
        var configuration = Self.local
        Self.cases[index].change(&configuration)
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(Self.cases[index].words) == true, "\(error?.message ?? "-")")
    }
}
