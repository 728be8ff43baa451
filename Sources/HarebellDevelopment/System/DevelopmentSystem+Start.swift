import AMQP
import Harebell
import HarebellRabbitMQ
import NIOHTTP1

extension DevelopmentSystem {
    /// Declares what all services need, as the administrator.
    func applyTopology(on broker: PrivateBroker) async throws {
        var topology = Topology()
        for service in ReferenceService.all { topology.merge(service.topology) }
        let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: broker.url), logger: logger)
        do {
            try await topology.apply(on: connection, logger: logger)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        send(
            .topologyApplied(
                exchanges: topology.exchanges.count, queues: topology.queues.count,
                bindings: topology.bindings.count))
    }

    /// Returns when the payout API answers and every worker consumes.
    func waitUntilReady(_ running: Running, limit: Duration = .seconds(60)) async throws {
        let end = ContinuousClock.now + limit
        var missing = ["payout"]
        repeat {
            missing = await missingServices(running)
            if missing.isEmpty { return }
            // Consumers are counted by the broker and readiness by the service: there is nothing to be told by.
            try await Task.sleep(for: .milliseconds(100))
        } while ContinuousClock.now < end
        let lost = (try? await running.broker.leaderlessQueues()) ?? []
        throw DevelopmentError(
            .startFailed,
            "not ready within \(limit): \(missing.joined(separator: ", ")); \(Self.advice(leaderless: lost))")
    }

    /// What to do about services that do not become ready.
    static func advice(leaderless queues: [String]) -> String {
        guard let first = queues.first else { return "their output says why" }
        let rest = queues.count == 1 ? "has" : "and \(queues.count - 1) other queues have"
        return """
            the broker's queue \(first) \(rest) no leader, as happens to RabbitMQ 3.10 when it is killed or loses power \
            just after they were declared. To start anew, without what earlier runs kept:
              harebell dev --reset
            """
    }

    private func missingServices(_ running: Running) async -> [String] {
        let port = running.payoutURL.split(separator: ":").last.flatMap { Int($0) } ?? 0
        let api = LoopbackHTTPClient(port: port, authorization: nil)
        let isServing = (try? await api.send(.GET, "/readyz", deadline: .seconds(5)))?.status == 200
        return (isServing ? [] : ["payout"]) + (await missingConsumers(running.broker))
    }

    /// The workers whose queue nobody consumes, by a passive declare: the management API says it seconds later.
    private func missingConsumers(_ broker: PrivateBroker) async -> [String] {
        let workers = ReferenceService.all.compactMap { service in service.queue.map { (service.name.rawValue, $0) } }
        var missing: [String] = []
        do {
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: broker.url), logger: logger)
            for (name, queue) in workers {
                let channel = try? await connection.openChannel()
                let state = try? await channel?.declareQueue(queue, passive: true)
                if (state?.consumerCount ?? 0) == 0 { missing.append(name) }
            }
            await connection.close()
        } catch {
            return workers.map(\.0)
        }
        return missing
    }
}

extension PrivateBroker {
    /// Where the node is, without user and password.
    var address: String { "amqp://127.0.0.1:\(port)/" }
}
