import Harebell

extension ConformanceScenario {
    /// Who gets what.
    static var subscribing: [Self] {
        [
            Self(
                "every service gets its own copy", like: "Watermill.ConsumerGroups", "Watermill.Topic",
                "NServiceBus.subscribers_handles_the_same_event"
            ) { bench in
                try await bench.receiving { mine in
                    try await bench.receiving(as: bench.neighbour) { theirs in
                        let ids = try await bench.publish(0..<20)
                        for inbox in [mine, theirs] {
                            try await bench.arrivals(20, at: inbox)
                            try bench.expect(inbox.ids, is: ids, "ids")
                            inbox.acknowledge(inbox.arrivals.value)
                        }
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
                try await bench.eventually(bench.neighbour, holds: TransportDepth())
            },
            Self("a service gets what it subscribes to and nothing else", like: "Watermill.Topic") { bench in
                try await bench.receiving { mine in
                    try await bench.receiving(as: bench.neighbour, subscribes: [Closed.eventType]) { theirs in
                        let first = try await bench.publish(Closed(number: 1))
                        let second = try await bench.publish(Opened(number: 2))
                        let third = try await bench.publish(Closed(number: 3))
                        try await bench.arrivals(1, at: mine)
                        try await bench.arrivals(2, at: theirs)
                        try bench.expect(mine.ids, is: [second], "what came")
                        try bench.expect(theirs.ids, is: [first, third], "what came to the neighbour")
                        acknowledgeAll(mine, theirs)
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "replicas of a service share its messages", like: "Watermill.ConcurrentSubscribe",
                "NServiceBus.scaling_out_subscribers"
            ) { bench in
                try await bench.withClient { second in
                    try await bench.receiving(prefetch: 30) { one in
                        try await bench.receiving(on: second, prefetch: 30) { other in
                            let ids = try await bench.publish(0..<60)
                            try await bench.eventually("all of them") { one.count + other.count >= 60 }
                            try bench.expect((one.ids + other.ids).count, is: 60, "deliveries")
                            try bench.expect(Set(one.ids + other.ids), is: Set(ids), "ids")
                            try bench.expect(one.count > 0 && other.count > 0, "one replica got everything")
                            acknowledgeAll(one, other)
                        }
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "types of one service come through one queue, in order",
                like: "Watermill.ConcurrentSubscribeMultipleTopics"
            ) { bench in
                try await bench.receiving(subscribes: [Opened.eventType, Closed.eventType]) { inbox in
                    var ids: [EventID] = []
                    for number in 0..<5 {
                        ids.append(try await bench.publish(Opened(number: number)))
                        ids.append(try await bench.publish(Closed(number: number)))
                    }
                    try await bench.arrivals(10, at: inbox)
                    try bench.expect(inbox.ids, is: ids, "the order")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
            Self(
                "a service that was away gets what it missed", like: "Watermill.NewSubscriberReceivesOldMessages",
                "NServiceBus.starting_again", "Wolverine.can_stop_and_restart_listeners"
            ) { bench in
                for round in 0..<3 {
                    try await bench.receiving { inbox in
                        guard round > 0 else { return }
                        try await bench.arrivals(5, at: inbox)
                        try bench.expect(inbox.numbers, is: Array(round * 5 - 5..<round * 5), "what it missed")
                        inbox.acknowledge(inbox.arrivals.value)
                    }
                    if round < 2 { try await bench.publish(round * 5..<round * 5 + 5) }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self("many messages are in the queue at the start", like: "Wolverine.many_messages_in_queue_on_startup") {
                bench in
                try await bench.register(bench.service)
                try await bench.publish(0..<300)
                let seen = Observed<[Int]>([])
                try await bench.working {
                    Subscription(to: Opened.self) { event, _ in seen.update { $0.append(event.number) } }
                } while: {
                    try await bench.wait(seen, "all of them") { $0.count >= 300 }
                }
                try bench.expect(seen.value.sorted(), is: Array(0..<300), "what was handled")
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "no more is in a consumer's hands than the prefetch", like: "NServiceBus.changing_concurrency",
                "RabbitMQ.amqpl_consumer_ack", "Wolverine.can_stop_receiving_when_too_busy_and_restart_listeners"
            ) { bench in
                try await bench.register(bench.service)
                try await bench.publish(0..<10)
                try await bench.receiving(prefetch: 3) { inbox in
                    try await bench.arrivals(3, at: inbox)
                    try await bench.eventually(bench.service, holds: TransportDepth(ready: 7))
                    try bench.expect(inbox.count, is: 3, "deliveries")
                    for count in 4...10 {
                        inbox.acknowledge(inbox.arrivals.value[count - 4...count - 4])
                        try await bench.arrivals(count, at: inbox)
                        try bench.expect(inbox.count, is: count, "deliveries after an acknowledgement")
                    }
                    inbox.acknowledge(inbox.arrivals.value.suffix(3))
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
        ]
    }

    private static func acknowledgeAll(_ all: Bench.Inbox...) {
        for inbox in all { inbox.acknowledge(inbox.arrivals.value) }
    }
}
