import Foundation
import TestSupport
import Testing

@testable import AMQP

/// Very many messages through one publisher and one consumer: what they cost at the beginning they cost at the end.
@Suite(.serialized) struct MessageSoakTests {
    private static let isFull = ProcessInfo.processInfo.environment["HAREBELL_TEST_FULL"] == "1"
    private static let count = isFull ? 10_000_000 : 300_000
    private static let batch = 500

    @Test func `messages in their hundreds of thousands leave memory and descriptors flat`() async throws {
        try await withConnection { publishing in
            var configuration = publishing.core.configuration
            configuration.connectionName = "soak"
            let consuming = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let started = ContinuousClock.now
            var samples: [ProcessFigures] = []
            do {
                let publisher = try await publishing.openChannel(confirms: true)
                let consumer = try await consuming.openChannel()
                let queue = try await consumer.declareTestQueue()
                let deliveries = try await consumer.consume(queue, prefetch: 1000)
                async let published: Void = publish(to: queue, on: publisher)
                samples = try await consume(deliveries)
                try await published
                #expect(try await consumer.declareQueue(queue, passive: true).messageCount == 0)
            }
            await consuming.close()
            let elapsed = started.duration(to: .now)
            // The first third warms up: buffers and queues have the size they need.
            let plateau = samples.dropFirst(samples.count / 3)
            let resident = plateau.compactMap(\.residentKiB)
            let heap = plateau.compactMap(\.heapBytes).map { $0 / 1024 }
            let descriptors = Set(plateau.map(\.descriptors))
            print(
                "soak: \(Self.count) messages in \(elapsed); resident \(samples.compactMap(\.residentKiB)) KiB,",
                "heap \(heap) KiB on the plateau, descriptors \(descriptors)")
            #expect(descriptors.count == 1)
            if let first = resident.first, let most = resident.max() { #expect(most - first < 8 * 1024) }
        }
    }

    private func publish(to queue: String, on channel: AMQPChannel) async throws {
        var properties = BasicProperties()
        properties.contentType = "application/json"
        properties.headers = ["cloudEvents_type": "loan.paid-out", "attempt": 1]
        let body = Array(repeating: UInt8(0x20), count: 200)
        for start in stride(from: 0, to: Self.count, by: Self.batch) {
            let messages = (start..<min(start + Self.batch, Self.count)).map { number in
                var message = OutgoingMessage(exchange: "", routingKey: queue, properties: properties, body: body)
                message.properties.messageID = "\(number)"
                return message
            }
            for result in await channel.publish(messages) { try result.get() }
        }
    }

    /// Takes every message once, in order, and looks at the process twelve times on the way.
    private func consume(_ deliveries: Deliveries) async throws -> [ProcessFigures] {
        var samples: [ProcessFigures] = []
        var received = 0
        for try await delivery in deliveries {
            let id = try delivery.properties().messageID
            if id != "\(received)" { Issue.record("message \(id ?? "-") came where \(received) was next") }
            #expect(delivery.acknowledge())
            received += 1
            if received % (Self.count / 12) == 0 { samples.append(.now()) }
            if received == Self.count { break }
        }
        return samples
    }
}
