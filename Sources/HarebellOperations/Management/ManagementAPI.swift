public import AMQP
import Curl
public import HarebellRabbitMQ

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// RabbitMQ's management API, for what AMQP cannot tell: rates, consumers, arguments and bindings.
public struct ManagementAPI: Sendable {
    private let base: String
    private let credentials: Credentials?
    private let virtualHost: String
    private let curl: CurlClient

    /// Describes how to reach it; nothing is asked yet.
    ///
    /// - Parameters:
    ///   - url: `http[s]://host:port`, without credentials.
    ///   - credentials: The broker's user; sent as HTTP basic authentication, so over https unless the host is loopback.
    ///   - virtualHost: The virtual host whose queues are meant.
    ///   - caFile: Certificates to trust instead of the system's, in PEM.
    /// - Throws: ``OperationError/management(_:)`` when the address would send the password in clear over a network.
    public init(url: String, credentials: AMQPConfiguration.Credentials, virtualHost: String, caFile: String? = nil)
        throws
    {
        var base = url
        while base.last == "/" { base.removeLast() }
        // It is not repeated: it may hold a password.
        guard !base.contains("@") else {
            throw OperationError.management("its address must hold no user: it gets the user of the broker's address")
        }
        guard base.hasPrefix("https://") || Self.isLoopback(base) else {
            throw OperationError.management("'\(base)' would send the password in clear: use https")
        }
        self.base = base
        self.virtualHost = Self.escape(virtualHost)
        switch credentials {
        case .plain(let username, let password):
            self.credentials = Credentials(username: username, password: password)
        case .external:
            self.credentials = nil
        }
        do {
            curl = try CurlClient(
                configuration: CurlConfiguration(
                    timeout: .seconds(15), certificateAuthorityFile: caFile, maximumResponseSize: 64 << 20))
        } catch {
            throw OperationError.managementUnreachable("\(error)")
        }
    }

    /// Every queue of the virtual host, by name.
    public func queues() async throws -> [QueueStatus] {
        try await get([QueueReport].self, "/api/queues/\(virtualHost)")
            .map(QueueStatus.init)
            .sorted { $0.name < $1.name }
    }

    /// The connection that reads a dead-letter queue at the moment, as far as the broker says.
    public func reader(of deadLetterQueue: String) async throws -> String? {
        let lock = Self.escape(DeadLetterReader.lockName(deadLetterQueue))
        return try await get(QueueOwnerReport.self, "/api/queues/\(virtualHost)/\(lock)").owner?.name
    }

    /// What the virtual host has: exchanges, queues, and the bindings between them.
    public func observedTopology() async throws -> ObservedTopology {
        async let exchanges = get([ExchangeReport].self, "/api/exchanges/\(virtualHost)")
        async let queues = get([QueueReport].self, "/api/queues/\(virtualHost)")
        async let bindings = get([BindingReport].self, "/api/bindings/\(virtualHost)")
        var observed = ObservedTopology()
        for exchange in try await exchanges {
            observed.exchanges[exchange.name] = ObservedTopology.Entity(
                type: exchange.type, isDurable: exchange.durable, arguments: exchange.arguments.table)
        }
        for queue in try await queues {
            observed.queues[queue.name] = ObservedTopology.Entity(
                type: queue.type ?? "classic", isDurable: queue.durable, arguments: queue.arguments.table)
        }
        for binding in try await bindings where binding.destination_type == "queue" && !binding.source.isEmpty {
            observed.bindings.insert(
                Topology.Binding(
                    exchange: binding.source, queue: binding.destination, routingKey: binding.routing_key))
        }
        return observed
    }

    /// The alarms that are on, of all nodes.
    public func alarms() async throws -> [BrokerAlarm] {
        // With an alarm it answers 503 and says which.
        let report = try await get(AlarmsReport.self, "/api/health/checks/alarms", or: 503)
        guard report.status == "ok" || report.alarms != nil else {
            throw OperationError.management("it says that something is wrong, and not which alarm")
        }
        return report.alarms?.map { BrokerAlarm(node: $0.node ?? "-", resource: $0.resource ?? "-") } ?? []
    }

    private func get<Report: Decodable>(
        _ type: Report.Type, _ path: String, or alsoExpected: Int? = nil
    ) async throws -> Report {
        let response: HTTPResponse
        do {
            response = try await curl.send(
                HTTPRequest(url: base + path, fields: ["Accept": "application/json"], credentials: credentials))
        } catch {
            throw OperationError.management("\(error)")
        }
        switch response.status {
        case 200, alsoExpected: break
        case 401, 403: throw OperationError.managementRefused
        case 404: throw OperationError.management("there is no such virtual host")
        default: throw OperationError.management("it answered \(response.status)")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(response.body))
        } catch {
            throw OperationError.management("its answer cannot be read")
        }
    }

    private static func isLoopback(_ base: String) -> Bool {
        ["http://127.0.0.1", "http://localhost", "http://[::1]"].contains { prefix in
            guard base.hasPrefix(prefix) else { return false }
            let next = base.dropFirst(prefix.count).first
            return next == nil || next == ":" || next == "/"
        }
    }

    private static func escape(_ segment: String) -> String {
        segment.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                String(UnicodeScalar(byte))
            default:
                "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
