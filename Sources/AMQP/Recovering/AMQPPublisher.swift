/// Publishes on a channel of its own, with the same recovery as ``AMQPClient/publish(_:deadline:)``.
///
/// What goes wrong on its channel touches no message of another publisher.
public final class AMQPPublisher: Sendable {
    private let publisher: RecoveringPublisher
    private let client: AMQPClient

    init(_ publisher: RecoveringPublisher, client: AMQPClient) {
        self.publisher = publisher
        self.client = client
    }

    /// Publishes a message and returns when it is confirmed; see ``AMQPClient/publish(_:deadline:)``.
    public func publish(
        _ message: OutgoingMessage, deadline: Duration = .seconds(30)
    ) async throws(AMQPError) {
        try await publisher.publish(message, deadline: deadline)
    }

    /// Closes its channel; what is not confirmed fails with `.closed`.
    public func close() async {
        client.forget(publisher)
        await publisher.retire()
    }
}
