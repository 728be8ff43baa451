import Harebell
import Testing

@testable import HarebellRabbitMQ

@Suite struct `Deliveries on their way to the worker` {
    private func delivery(_ tag: UInt64) -> TransportDelivery {
        TransportDelivery(
            receipt: DeliveryReceipt(epoch: 0, tag: tag),
            content: .failure(MalformedMessage(message: "none")), attempts: 0, unhandledCount: 0, size: 0)
    }

    private func tags(_ deliveries: RabbitMQDeliveries) async -> [UInt64] {
        var tags: [UInt64] = []
        for await delivery in deliveries { tags.append(delivery.receipt.tag) }
        return tags
    }

    @Test func `they come out in their order, and then the end`() async {
        let deliveries = RabbitMQDeliveries()
        deliveries.put([delivery(1), delivery(2)])
        deliveries.put([delivery(3)])
        deliveries.finish()
        #expect(await tags(deliveries) == [1, 2, 3])
    }

    @Test func `who waits gets what comes, and hears of the end`() async {
        let deliveries = RabbitMQDeliveries()
        async let taken = tags(deliveries)
        await Task.yield()
        for tag: UInt64 in 1...100 {
            deliveries.put([delivery(tag)])
            if tag.isMultiple(of: 7) { await Task.yield() }
        }
        deliveries.finish()
        #expect(await taken == Array(1...100))
    }

    @Test func `who is cancelled waits no longer`() async {
        let deliveries = RabbitMQDeliveries()
        let taking = Task { await tags(deliveries) }
        await Task.yield()
        taking.cancel()
        #expect(await taking.value == [])
    }

    @Test func `what has arrived comes out before a cancelled task hears of the end`() async {
        let deliveries = RabbitMQDeliveries()
        deliveries.put([delivery(1)])
        let taking = Task { await tags(deliveries) }
        taking.cancel()
        #expect(await taking.value == [1])
    }
}
