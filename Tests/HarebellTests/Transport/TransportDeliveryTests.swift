import Harebell
import Testing

@Suite struct `A delivery that is copied` {
    @Test func `changing a copy leaves the original as it was`() {
        let original = TransportDelivery(
            receipt: DeliveryReceipt(epoch: 1, tag: 2), content: .failure(MalformedMessage(message: "none")),
            attempts: 3, unhandledCount: 4, deliveryCount: 5, isRedelivered: true, replayCount: 6, size: 7)
        var copy = original
        copy.attempts = 30
        copy.receipt = DeliveryReceipt(epoch: 1, tag: 20)
        #expect(original.attempts == 3 && original.receipt.tag == 2)
        #expect(copy.attempts == 30 && copy.receipt.tag == 20)
        #expect(copy.unhandledCount == 4 && copy.deliveryCount == 5 && copy.isRedelivered)
        #expect(copy.replayCount == 6 && copy.size == 7 && copy.firstFailedAt == nil)
    }
}
