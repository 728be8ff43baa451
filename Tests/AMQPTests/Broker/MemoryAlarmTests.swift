import HarebellDevelopment
import TestSupport
import Testing

@testable import AMQP

/// One node, for its alarm concerns everyone who uses it.
@Suite(.timeLimit(.minutes(4))) struct `Memory alarm` {
    @Test func `publishers wait, can leave and resume; consumers and closes go on`() async throws {
        try await withPrivateBroker(management: false) { broker in
            let configuration = try AMQPConfiguration(uri: broker.url)
            try await withClient(configuration) { publishing in
                try await withClient(configuration) { consuming in
                    let queue = uniqueName("queue")
                    try await consuming.withChannel { try await $0.declareQueue(queue) }
                    for _ in 0..<200 { try await publishing.publish(.test(exchange: "", key: queue)) }
                    try await broker.control("set_vm_memory_high_watermark", "0.000001")
                    try await publish(under: publishing, consuming, queue, configuration, broker)
                }
            }
        }
    }

    private func publish(
        under publishing: AMQPClient, _ consuming: AMQPClient, _ queue: String, _ configuration: AMQPConfiguration,
        _ broker: PrivateBroker
    ) async throws {
        let told = Recorder<AMQPError?>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    told.record(
                        await failure {
                            try await publishing.publish(.test(exchange: "", key: queue), deadline: .seconds(120))
                        })
                }
            }
            try await eventually("the alarm is told") {
                if case .blocked = publishing.state { true } else { false }
            }
            // A publish that left before the broker said so may still be confirmed; those that follow wait.
            let core = try await publishing.connection().core
            let waiting = core.read { $0.gated.count }
            let durations = try await cancelSuspended(20) { count in
                core.read { $0.gated.count } == count + waiting
            } _: {
                try await publishing.publish(.test(exchange: "", key: queue))
            }
            let late = await failure {
                try await publishing.publish(.test(exchange: "", key: queue), deadline: .milliseconds(200))
            }
            #expect(late?.code == .timedOut)
            try await consume(consuming, queue, count: 200)
            try await closeWhileBlocked(configuration, queue)
            #expect(told.values.allSatisfy { $0 == nil })
            try await broker.control("set_vm_memory_high_watermark", "0.6")
            try await group.waitForAll()
            #expect(told.values.count == 10)
            #expect(told.values.allSatisfy { $0 == nil })
            guard case .connected = publishing.state else { return #expect(Bool(false), "\(publishing.state)") }
            print("memory alarm: cancelled within \(durations.min() ?? .zero) to \(durations.max() ?? .zero)")
        }
    }

    /// Takes what was stored before the alarm, on the other connection.
    private func consume(_ client: AMQPClient, _ queue: String, count: Int) async throws {
        let deliveries = client.consume(queue, prefetch: 10)
        var taken = 0
        for try await delivery in deliveries {
            delivery.acknowledge()
            taken += 1
            if taken == count { break }
        }
        await deliveries.cancel()
        #expect(taken == count)
        guard case .connected = client.state else { return #expect(Bool(false), "\(client.state)") }
    }

    /// A broker under an alarm does not read from who publishes, not even the goodbye.
    private func closeWhileBlocked(_ configuration: AMQPConfiguration, _ queue: String) async throws {
        let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
        let channel = try await connection.openChannel(confirms: true)
        async let published = failure { try await channel.publish(.test(exchange: "", key: queue)) }
        try await eventually("it is blocked") { connection.isBlocked }
        let start = ContinuousClock.now
        await connection.close(deadline: .milliseconds(500))
        #expect(ContinuousClock.now - start < .milliseconds(500) + schedulingAllowance)
        #expect([.closed, .connectionClosed].contains(await published?.code))
    }
}
