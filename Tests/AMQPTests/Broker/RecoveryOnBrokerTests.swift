import HarebellDevelopment
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(5))) struct `Recovery on a broker` {
    /// Publishes and consumes all along while `trouble` happens; counts what became of every message.
    private func run(
        _ url: String, trouble: (AMQPClient, _ settled: () -> Int) async throws -> Void
    ) async throws {
        let queue = uniqueName("queue")
        let exchange = uniqueName("exchange")
        let confirmed = Recorder<String>()
        let handled = Recorder<String>()
        let tags = Recorder<String>()
        let declared = Recorder<Void>()
        var configuration = try AMQPConfiguration(uri: url)
        configuration.heartbeat = .seconds(2)
        try await withClient(configuration) { client in
            client.onConnect("topology") { connection in
                let channel = try await connection.openChannel()
                try await channel.declareExchange(exchange, type: .fanout)
                try await channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
                try await channel.bindQueue(queue, to: exchange)
                await channel.close()
                declared.record(())
            }
        } _: { client in
            try await client.waitUntilConnected(timeout: .seconds(60))
            let deliveries = client.consume(queue, prefetch: 50)
            let stop = Recorder<Void>()
            let finished = Recorder<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for try await delivery in deliveries {
                        if let id = try? delivery.properties().messageID { handled.record(id) }
                        if tags.values.last != delivery.consumerTag { tags.record(delivery.consumerTag) }
                        delivery.acknowledge()
                    }
                }
                for publisher in 0..<8 {
                    group.addTask {
                        var index = 0
                        while stop.values.isEmpty {
                            index += 1
                            let id = "\(publisher)-\(index)"
                            let error = await failure {
                                try await client.publish(.test(exchange: exchange, id: id), deadline: .seconds(120))
                            }
                            guard error == nil else {
                                Issue.record(
                                    "\(id) after \(confirmed.values.count) confirmed: \(String(describing: error))")
                                break
                            }
                            confirmed.record(id)
                        }
                        finished.record(())
                    }
                }
                try await eventually("traffic flows", within: .seconds(30)) { handled.values.count > 200 }
                try await trouble(client) { handled.values.count }
                let before = handled.values.count
                try await eventually("traffic flows again", within: .seconds(60)) {
                    handled.values.count > before + 200
                }
                stop.record(())
                // Only then is the set of confirmed messages final.
                try await eventually("the publishers have ended", within: .seconds(60)) { finished.values.count == 8 }
                try await eventually("everything confirmed was handled", within: .seconds(60)) {
                    Set(confirmed.values).isSubset(of: Set(handled.values))
                }
                await deliveries.cancel()
                try await group.waitForAll()
                let left = try await client.withChannel { try await $0.declareQueue(queue, passive: true).messageCount }
                #expect(left == 0)
            }
        }
        let lost = Set(confirmed.values).subtracting(handled.values)
        #expect(lost.isEmpty)
        #expect(declared.values.count >= 2)
        #expect(Set(tags.values).count >= 2)
        print(
            "published \(confirmed.values.count), handled \(handled.values.count),",
            "duplicates \(handled.values.count - Set(handled.values).count), lost \(lost.count)")
    }

    @Test func `a forced close loses nothing that was confirmed`() async throws {
        try await withVirtualHost { host, url in
            try await run(url) { _, _ in
                try await eventually("the connection is closed by the broker", within: .seconds(30)) {
                    // The management API may drop a request; the next poll repeats it.
                    (try? await host.broker.closeConnections { $0.virtualHost == host.name }) ?? 0 > 0
                }
            }
        }
    }

    @Test func `a broker killed and started again loses nothing that was confirmed`() async throws {
        try await withPrivateBroker(management: false) { broker in
            try await run(broker.url) { client, _ in
                // RabbitMQ 3.10.8 writes the directory of its quorum queues with a delay. A node killed before that
                // starts the queue anew, empty and without a leader, whatever its client does.
                let clock = ContinuousClock()
                let settled = clock.now + .seconds(6)
                try await eventually("the queue's registration is on the disk") { clock.now > settled }
                let start = clock.now
                broker.kill()
                try await eventually("the loss is noticed") { !client.state.isConnected }
                try await broker.restart()
                let restarted = clock.now
                try await client.waitUntilConnected(timeout: .seconds(60))
                print("broker down for \(restarted - start), connected \(clock.now - restarted) later")
            }
        }
    }
}
