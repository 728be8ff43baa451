import Harebell

extension ConformanceScenario {
    /// What a publisher may rely on.
    static var publishing: [Self] {
        [
            Self(
                "an event reaches its subscriber once, as it was", like: "Watermill.PublishSubscribe",
                "NServiceBus.When_message_is_available", "Wolverine.can_send_and_wait"
            ) { bench in
                try await bench.receiving { inbox in
                    let ids = try await bench.publish(0..<100)
                    for number in 0..<100 {
                        let arrivals = try await bench.arrivals(number + 1, at: inbox)
                        inbox.acknowledge(arrivals[number...number])
                    }
                    try bench.expect(Set(inbox.ids), is: Set(ids), "ids")
                    try bench.expect(inbox.numbers.sorted(), is: Array(0..<100), "numbers")
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "events arrive in the order in which they were published", like: "Watermill.PublishSubscribeInOrder",
                "Wolverine.durable_outbox_sending_out_of_order"
            ) { bench in
                try await bench.receiving(prefetch: 200) { inbox in
                    try await bench.publish(0..<100)
                    try await bench.arrivals(100, at: inbox)
                    try bench.expect(inbox.numbers, is: Array(0..<100), "the order")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
            Self(
                "everything that describes an event travels with it", like: "Watermill.MessageCtx",
                "Wolverine.tracking_correlation_id_on_everything", "NServiceBus.receiving_message"
            ) { bench in
                var sent = try Envelope(
                    Opened(number: 1, key: "key-1", text: "L-1"), producer: "producer", correlationID: "business-1",
                    trace: TraceContext(
                        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=1",
                        baggage: "b=2"))
                sent.causationID = "cause-1"
                sent.sequence = "7"
                sent.dataSchema = "https://example.org/schema"
                try await bench.receiving { inbox in
                    try await bench.transport.publish(sent)
                    let arrival = try await bench.arrivals(1, at: inbox)[0]
                    try bench.expect(try arrival.delivery.content.get(), is: sent, "the envelope")
                    try bench.expect(arrival.delivery.attempts, is: 0, "attempts of a first delivery")
                    try bench.expect(arrival.delivery.size, is: sent.body.count, "size")
                    inbox.acknowledge([arrival])
                }
            },
            Self(
                "text of every script survives, in attributes and body",
                like: "NServiceBus.using_unicode_characters_in_headers",
                "NServiceBus.headers_contain_special_characters"
            ) { bench in
                let text = "Ωmega 漢字 🧾 \u{202E}drawkcab e\u{301} \"quoted\" \\ line\nbreak"
                try await bench.receiving { inbox in
                    try await bench.publish(Opened(number: 1, key: text, text: text), correlationID: text)
                    let envelope = try await bench.arrivals(1, at: inbox)[0].delivery.content.get()
                    try bench.expect(try envelope.decode(Opened.self).text, is: text, "the body's text")
                    try bench.expect(envelope.partitionKey, is: text, "the key")
                    try bench.expect(envelope.subject, is: text, "the subject")
                    try bench.expect(envelope.correlationID, is: text, "the correlation id")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
            Self("a body's bytes are never touched", like: "RabbitMQ.Java.FrameMax") { bench in
                let bodies: [[UInt8]] = [
                    [], [0], Array(#"{ "b" : 1,"a":2.50 }"#.utf8), (0..<300_000).map { UInt8(truncatingIfNeeded: $0) },
                ]
                try await bench.receiving { inbox in
                    for body in bodies {
                        var envelope = try Envelope(Opened(number: 0), producer: "producer")
                        envelope.body = body
                        try await bench.transport.publish(envelope)
                    }
                    let arrivals = try await bench.arrivals(bodies.count, at: inbox)
                    try bench.expect(arrivals.map { $0.envelope?.body } == bodies, "a body has changed")
                    inbox.acknowledge(arrivals)
                }
            },
            Self(
                "a transport that only sends needs no queue of its own",
                like: "NServiceBus.creating_send_only_transport"
            ) { bench in
                try await bench.register(bench.service)
                try await bench.withClient { client in
                    for number in 0..<5 {
                        try await client.publish(Envelope(Opened(number: number), producer: "sender"))
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 5))
            },
            Self(
                "an event without a subscriber is kept", like: "MassTransit.Mandatory",
                "RabbitMQ.confirm_mandatory_unroutable"
            ) { bench in
                let id = try await bench.publish(Closed(number: 1))
                try await bench.register(bench.service)
                try await bench.publish(Opened(number: 1))
                try await bench.eventually("the unrouted event") { try await bench.subject.unrouted() == [id] }
            },
            Self(
                "many publishers at once lose nothing", like: "MassTransit.HammerTime",
                "Watermill.stress.PublishSubscribe"
            ) { bench in
                try await bench.register(bench.service)
                try await withThrowingDiscardingTaskGroup { group in
                    for lane in 0..<10 {
                        group.addTask { try await bench.publish(lane * 30..<lane * 30 + 30) }
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 300))
                try await bench.receiving(prefetch: 300) { inbox in
                    try await bench.arrivals(300, at: inbox)
                    try bench.expect(inbox.numbers.sorted(), is: Array(0..<300), "numbers")
                    inbox.acknowledge(inbox.arrivals.value)
                }
            },
        ]
    }
}
