@testable import AMQP

/// Tells a closure of each publish.
final class ClosureListener: PublishListener {
    private let told: @Sendable (AMQPError?) -> Void

    init(_ told: @escaping @Sendable (AMQPError?) -> Void) {
        self.told = told
    }

    func ended(_ publishes: [EndedPublish]) {
        for publish in publishes { told(publish.error) }
    }
}

extension PublishWaiter.Target {
    static func closure(_ told: @escaping @Sendable (AMQPError?) -> Void) -> PublishWaiter.Target {
        .listener(ClosureListener(told))
    }
}
