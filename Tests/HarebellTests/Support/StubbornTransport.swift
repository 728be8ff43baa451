import Harebell
import HarebellTesting

/// A transport whose endpoint delivers nothing, ignores `stop()` and ends only by cancellation.
struct StubbornTransport: Transport {
    let isOpen = Observed(false)

    func run() async throws {}
    func publish(_ envelope: Envelope) async throws {}

    func open(_ description: EndpointDescription) async throws -> StubbornEndpoint {
        isOpen.update { $0 = true }
        return StubbornEndpoint()
    }
}

struct StubbornEndpoint: TransportEndpoint {
    private let stream = AsyncStream<TransportDelivery>.makeStream()
    var deliveries: AsyncStream<TransportDelivery> { stream.stream }

    func isCurrent(_ delivery: TransportDelivery) -> Bool { true }
    func acknowledge(_ delivery: TransportDelivery) {}
    func release(_ delivery: TransportDelivery) {}
    func retry(_ delivery: TransportDelivery, after delay: Duration, record: FailureRecord) async throws {}
    func deadLetter(_ delivery: TransportDelivery, reason: DeadLetterReason, record: FailureRecord) async throws {}
    func take(_ taking: Taking) async -> Int { 0 }
    func stop() async {}
    func close() async {}
}
