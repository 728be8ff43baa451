import Harebell

extension ConformanceScenario {
    /// What becomes of a delivery by its settlement.
    static var settling: [Self] {
        [
            Self(
                "what is not settled stays with its consumer, and comes back when that is gone",
                like: "Watermill.NoAck",
                "RabbitMQ.Java.RequeueOnChannelClose"
            ) { bench in
                try await bench.register(bench.service)
                try await bench.publish(0..<3)
                try await bench.receiving { first in
                    try await bench.arrivals(3, at: first)
                    try await bench.receiving { second in
                        try await bench.publish(3..<4)
                        // The second has room for all, and gets what nobody holds; the first may get that too.
                        try await bench.eventually("the fourth") { first.count + second.count >= 4 }
                        try bench.expect(first.count + second.count, is: 4, "deliveries")
                        second.acknowledge(second.arrivals.value)
                        first.acknowledge(first.arrivals.value.filter { $0.number == 3 })
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 3))
                try await bench.receiving { inbox in
                    try await bench.arrivals(3, at: inbox)
                    try bench.expect(inbox.numbers, is: [0, 1, 2], "what came back")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
            Self("an acknowledged message is gone", like: "Wolverine.not_acking_on_consumer_failure") { bench in
                try await bench.register(bench.service)
                try await bench.publish(0..<10)
                try await bench.receiving { inbox in
                    try await bench.arrivals(10, at: inbox)
                    inbox.acknowledge(inbox.arrivals.value)
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
                try await bench.receiving { inbox in
                    try await bench.publish(10..<11)
                    try await bench.arrivals(1, at: inbox)
                    try bench.expect(inbox.numbers, is: [10], "what came afterwards")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
            Self(
                "a message handed back comes again, and that is no attempt",
                like: "Wolverine.can_apply_requeue_mechanics", "Wolverine.pause_then_requeue",
                "NServiceBus.requesting_immediate_retry"
            ) { bench in
                let id = try await bench.receiving { inbox in
                    let id = try await bench.publish(Opened(number: 1))
                    inbox.endpoint.release(try await bench.arrivals(1, at: inbox)[0].delivery)
                    let again = try await bench.arrivals(2, at: inbox)[1]
                    try bench.expect(again.envelope?.id, is: id, "the id")
                    try bench.expect(again.delivery.attempts, is: 0, "attempts")
                    try bench.expect(again.delivery.unhandledCount, is: 0, "unhandled count")
                    try bench.expect(again.delivery.isRedelivered, "it is not marked as redelivered")
                    inbox.acknowledge([again])
                    return id
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
                try bench.expect(!id.rawValue.isEmpty, "no id")
            },
            Self(
                "messages handed back at the end keep the queue's order", like: "RabbitMQ.quorum_queue.requeue_order",
                "NServiceBus.stopping_on_message"
            ) { bench in
                try await bench.register(bench.service)
                try await bench.publish(0..<12)
                try await bench.receiving(prefetch: 6) { inbox in
                    try await bench.arrivals(6, at: inbox)
                    await inbox.endpoint.stop()
                    for arrival in inbox.arrivals.value { inbox.endpoint.release(arrival.delivery) }
                }
                try await bench.receiving(prefetch: 12) { inbox in
                    try await bench.arrivals(12, at: inbox)
                    try bench.expect(inbox.numbers, is: Array(0..<12), "the order")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
            Self(
                "a delivery is settled once, whatever is said afterwards", like: "RabbitMQ.Java.InvalidAcks",
                "Wolverine.dead_letter_paths_settle_the_original_delivery"
            ) { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(0..<2)
                    let arrivals = try await bench.arrivals(2, at: inbox)
                    for arrival in arrivals {
                        inbox.endpoint.acknowledge(arrival.delivery)
                        inbox.endpoint.acknowledge(arrival.delivery)
                        inbox.endpoint.release(arrival.delivery)
                        try await inbox.endpoint.retry(
                            arrival.delivery, after: bench.subject.delay, record: bench.record(attempts: 1))
                        try await inbox.endpoint.deadLetter(
                            arrival.delivery, reason: .permanent, record: bench.record(attempts: 1))
                    }
                    // Were the channel dead of it, this would not come.
                    try await bench.publish(2..<3)
                    try await bench.arrivals(3, at: inbox)
                    try bench.expect(inbox.numbers, is: [0, 1, 2], "deliveries")
                    inbox.acknowledge(inbox.arrivals.value.suffix(1))
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "settling one message leaves its neighbours alone", like: "RabbitMQ.dead_lettering.nack_multiple",
                "NServiceBus.multiple_messages_are_available"
            ) { bench in
                try await bench.register(bench.service)
                try await bench.publish(0..<9)
                try await bench.receiving { inbox in
                    let arrivals = try await bench.arrivals(9, at: inbox)
                    // From the last to the first, every third is done.
                    inbox.acknowledge(arrivals.reversed().filter { ($0.number ?? 0) % 3 == 0 })
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 6))
                try await bench.receiving { inbox in
                    try await bench.arrivals(6, at: inbox)
                    try bench.expect(inbox.numbers, is: [1, 2, 4, 5, 7, 8], "what was not done")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
        ]
    }
}
