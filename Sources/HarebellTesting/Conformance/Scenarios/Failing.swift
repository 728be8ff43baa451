import Harebell

extension ConformanceScenario {
    /// What a worker on this transport makes of its handlers' outcomes.
    static var failing: [Self] {
        [
            Self(
                "a handler that fails is called again, with the next attempt", like: "Watermill.ResendOnError",
                "NServiceBus.on_message_throws", "Wolverine.will_requeue_and_increment_attempts"
            ) { bench in
                let attempts = Observed<[Int]>([])
                try await bench.working {
                    Subscription(to: Opened.self) { _, context in
                        attempts.update { $0.append(context.attempt) }
                        if context.attempt < 4 { throw NotYet() }
                    }
                } while: {
                    try await bench.publish(0..<1)
                    try await bench.eventually("the fourth call", elapsing: true) { attempts.value.count >= 4 }
                }
                try bench.expect(attempts.value, is: [1, 2, 3, 4], "attempts")
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "errors of some messages do not hold up the others", like: "Watermill.ContinueAfterErrors",
                "NServiceBus.messages_succeed_after_throttling"
            ) { bench in
                let handled = Observed<Set<Int>>([])
                try await bench.working {
                    Subscription(to: Opened.self) { event, context in
                        if event.number % 3 == 0, context.attempt < 3 { throw NotYet() }
                        handled.update { _ = $0.insert(event.number) }
                    }
                } while: {
                    try await bench.publish(0..<60)
                    try await bench.eventually("all of them", elapsing: true) { handled.value.count == 60 }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "the last failure is a dead letter", like: "NServiceBus.message_fails_retries",
                "Wolverine.will_move_to_dead_letter_queue_without_any_exception_match",
                "NServiceBus.messages_never_succeed"
            ) { bench in
                let calls = Observed(0)
                try await bench.working {
                    Subscription(to: Opened.self, name: "Archive") { _, _ in
                        calls.update { $0 += 1 }
                        throw NotYet()
                    }
                } while: {
                    try await bench.publish(0..<1)
                    try await bench.eventually(bench.service, holds: TransportDepth(dead: 1), elapsing: true)
                }
                let letter = try await bench.subject.deadLetters(of: bench.service)[0]
                try bench.expect(calls.value, is: 4, "calls")
                try bench.expect(letter.attempts, is: 4, "attempts")
                try bench.expect(letter.reason, is: "exhausted", "the reason")
                try bench.expect(letter.handler, is: "Archive", "the handler")
                try bench.expect(letter.errorMessage, is: "not yet", "the error")
            },
            Self(
                "a permanent error is a dead letter at once", like: "NServiceBus.unrecoverable_exception",
                "Wolverine.will_move_to_dead_letter_queue_with_exception_match"
            ) { bench in
                let calls = Observed(0)
                try await bench.working {
                    Subscription(to: Opened.self) { _, _ in
                        calls.update { $0 += 1 }
                        throw PermanentError("no such account")
                    }
                } while: {
                    try await bench.publish(0..<1)
                    try await bench.eventually(bench.service, holds: TransportDepth(dead: 1))
                }
                try bench.expect(calls.value, is: 1, "calls")
                let letter = try await bench.subject.deadLetters(of: bench.service)[0]
                try bench.expect(letter.reason, is: "permanent", "the reason")
            },
            Self(
                "a message that is no event is poison, and its neighbours are handled",
                like: "Wolverine.mapper_exception_routes_to_dlq", "NServiceBus.no_content_type",
                "RabbitMQ.Java.BrokenFrames"
            ) { bench in
                let handled = Observed<[Int]>([])
                try await bench.working {
                    Subscription(to: Opened.self) { event, _ in handled.update { $0.append(event.number) } }
                } while: {
                    try await bench.publish(0..<1)
                    try await bench.subject.putMalformed(to: bench.service)
                    var undecodable = try Envelope(Opened(number: 1), producer: "producer")
                    undecodable.body = Array(#"{"number":"one"}"#.utf8)
                    try await bench.transport.publish(undecodable)
                    try await bench.publish(2..<3)
                    try await bench.wait(handled, "the neighbours") { $0.count >= 2 }
                    try await bench.eventually(bench.service, holds: TransportDepth(dead: 2))
                }
                let letters = try await bench.subject.deadLetters(of: bench.service)
                try bench.expect(letters.map(\.reason), is: ["poison", "poison"], "reasons")
                try bench.expect(letters.map(\.attempts), is: [0, 0], "attempts")
                try bench.expect(handled.value.sorted(), is: [0, 2], "what was handled")
            },
            Self(
                "an event without a handler waits for the next version",
                like: "Wolverine.moving_unknown_message_type_to_dlq"
            ) { bench in
                try await bench.register(bench.service, subscribes: [Opened.eventType, Closed.eventType])
                try await bench.working {
                    Subscription(to: Opened.self) { _, _ in }
                } while: {
                    try await bench.publish(Closed(number: 1))
                    try await bench.eventually(bench.service, holds: TransportDepth(waiting: 1))
                }
            },
            Self(
                "what a handler published goes out only if it returns, with the same ids each time",
                like: "NServiceBus.failure_happens_after_send", "NServiceBus.publishing_with_outbox",
                "NServiceBus.blowing_up_just_after_dispatch"
            ) { bench in
                let sent = Observed<[EventID]>([])
                try await bench.receiving(as: bench.neighbour, subscribes: [Closed.eventType]) { inbox in
                    let id = try await bench.working {
                        Subscription(to: Opened.self, name: "close") { event, context in
                            try context.publish(Closed(number: context.attempt))
                            if context.attempt < 3 { throw NotYet() }
                        }
                    } while: {
                        let id = try await bench.publish(Opened(number: 1), correlationID: "business")
                        try await bench.eventually("the event", elapsing: true) { inbox.count >= 1 }
                        return id
                    }
                    let envelope = try bench.require(inbox.arrivals.value[0].envelope, "envelope")
                    let wanted = EventID.derived(from: id, service: bench.service, handler: "close", index: 0)
                    try bench.expect(inbox.count, is: 1, "events")
                    try bench.expect(try envelope.decode(Closed.self).number, is: 3, "the attempt that published")
                    try bench.expect(envelope.id, is: wanted, "the id")
                    try bench.expect(envelope.correlationID, is: "business", "the correlation id")
                    try bench.expect(envelope.causationID, is: id.rawValue, "the cause")
                    inbox.acknowledge(inbox.arrivals.value)
                    sent.update { $0.append(envelope.id) }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self("events of one key are handled one after another, in order", like: "Wolverine.partitioned_processing")
            {
                bench in
                let seen = Observed<[Opened]>([])
                let running = Observed<[String: Int]>([:])
                let overlaps = Observed(0)
                try await bench.working(prefetch: 50) {
                    Subscription(to: Opened.self) { event, _ in
                        let key = event.key ?? ""
                        let others = running.update { running in
                            defer { running[key, default: 0] += 1 }
                            return running[key, default: 0]
                        }
                        if others > 0 { overlaps.update { $0 += 1 } }
                        for _ in 0..<3 { await Task.yield() }
                        running.update { $0[key, default: 0] -= 1 }
                        seen.update { $0.append(event) }
                    }
                } while: {
                    for number in 0..<100 { try await bench.publish(Opened(number: number, key: "key-\(number % 5)")) }
                    try await bench.wait(seen, "all of them") { $0.count >= 100 }
                }
                try bench.expect(overlaps.value, is: 0, "events of one key at the same time")
                for (key, events) in Dictionary(grouping: seen.value, by: \.key) {
                    try bench.expect(events.map(\.number), is: events.map(\.number).sorted(), "order of \(key ?? "-")")
                }
            },
        ]
    }
}
