import AMQP
@_spi(HarebellTransports) import Harebell

/// Hands messages of a queue back in the order in which it is told to, over whatever channels they came.
///
/// RabbitMQ orders nothing between two channels, neither what both hand back nor what one hands back and the other begins
/// to consume: each is a process that talks to the queue. Within one it does, so a question about the queue, asked behind
/// the hand-backs of a channel, is answered when the queue has them.
/// ```
///          hand back, A              another channel's: waits
/// nothing ──────────────► over A ──────────────────────────────► asking on A ──► what waited, over its channel
///    ▲                       └────────── settled() ────────────────┘  │
///    └────────────────────────────── nothing waited ──────────────────┘
/// ```
/// A channel that is gone needs no answer: the broker takes all it had back by itself.
final class HandBacks: Sendable {
    private struct State {
        /// Over which the last one went, until the queue has it.
        var channel: AMQPChannel?
        var isAsking = false
        /// Those of other channels, in their order.
        var waiting: [Delivery] = []

        mutating func handBack(_ delivery: Delivery) {
            guard waiting.isEmpty, !isAsking, channel == nil || channel === delivery.channel else {
                waiting.append(delivery)
                return
            }
            channel = delivery.channel
            delivery.nack(requeue: true)
        }

        /// What waits is handed back as far as it came over one channel.
        mutating func goOn() {
            let waited = waiting
            waiting = []
            for delivery in waited { handBack(delivery) }
        }
    }

    private let queue: String
    private let state = Watched(State())

    init(queue: String) {
        self.queue = queue
    }

    /// Hands a message back, as soon as the queue has all that were handed back before.
    func handBack(_ delivery: Delivery) { state.change { $0.handBack(delivery) } }

    /// Hands back what waits until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await state.wait { !$0.waiting.isEmpty && !$0.isAsking }
            await settled()
        }
    }

    /// Returns when the queue has all that was handed back, or when the task is cancelled.
    func settled() async {
        while !Task.isCancelled {
            let (channel, isOver) = state.change { state -> (AMQPChannel?, Bool) in
                guard !state.isAsking else { return (nil, false) }
                state.isAsking = state.channel != nil
                return (state.channel, state.channel == nil)
            }
            guard !isOver else { return }
            guard let channel else {
                await state.wait { !$0.isAsking }
                continue
            }
            let isAnswered = await ask(channel)
            state.change { state in
                state.isAsking = false
                if isAnswered { state.channel = nil }
                state.goOn()
            }
        }
    }

    /// Whether the queue has what was handed back over a channel; `false` if the task is cancelled.
    private func ask(_ channel: AMQPChannel) async -> Bool {
        do throws(AMQPError) {
            try await channel.declareQueue(queue, passive: true)
            return true
        } catch {
            return error.code != .cancelled
        }
    }
}
