import Harebell

extension ConformanceScenario {
    /// The connection goes, or the broker takes nothing.
    static var recovering: [Self] {
        [
            Self(
                "a consumer goes on after its connection was lost", like: "Watermill.Reconnect",
                "NServiceBus.the_broker_connection_is_lost", "Wolverine.connection_recovery_after_a_broker_side_kill"
            ) { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(0..<3)
                    inbox.acknowledge(try await bench.arrivals(3, at: inbox))
                    try await bench.eventually(bench.service, holds: TransportDepth())
                    try await bench.subject.loseConnections()
                    try await bench.publish(3..<6)
                    try await bench.eventually("what came after") { Set(inbox.numbers).isSuperset(of: 3..<6) }
                    inbox.acknowledge(inbox.arrivals.value.filter { ($0.number ?? 0) > 2 })
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "a delivery of a lost connection settles nothing, and comes again",
                like: "Wolverine.a_stale_delivery_tag_is_never_settled_against_a_replaced_channel"
            ) { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(0..<4)
                    let stale = try await bench.arrivals(4, at: inbox)
                    try await bench.subject.loseConnections()
                    try await bench.arrivals(8, at: inbox)
                    // Each would take the place of the same message's new delivery.
                    inbox.endpoint.acknowledge(stale[0].delivery)
                    inbox.endpoint.release(stale[1].delivery)
                    try await inbox.endpoint.retry(
                        stale[2].delivery, after: bench.subject.delay, record: bench.record(attempts: 1))
                    try await inbox.endpoint.deadLetter(
                        stale[3].delivery, reason: .permanent, record: bench.record(attempts: 1))
                    let again = inbox.arrivals.value.suffix(4)
                    try bench.expect(Set(again.compactMap(\.number)), is: Set(0..<4), "what came again")
                    try bench.expect(again.allSatisfy { $0.delivery.attempts == 0 }, "it counts as an attempt")
                    try bench.expect(again.allSatisfy { $0.delivery.isRedelivered }, "it is not marked as redelivered")
                    try bench.expect(inbox.count, is: 8, "deliveries")
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 4))
            },
            Self(
                "a worker whose connection is lost again and again loses nothing",
                like: "MassTransit.Reconnecting", "Spring.RabbitReconnectProblem",
                "RabbitMQ.reconnect_consumer_and_publish"
            ) { bench in
                let handled = Observed<Set<Int>>([])
                try await bench.working(prefetch: 5) {
                    Subscription(to: Opened.self) { event, context in
                        if event.number % 7 == 0, context.attempt == 1 { throw NotYet() }
                        handled.update { _ = $0.insert(event.number) }
                    }
                } while: {
                    for round in 0..<3 {
                        try await bench.publish(round * 20..<round * 20 + 20)
                        try await bench.subject.loseConnections()
                    }
                    try await bench.eventually("all of them", elapsing: true) { handled.value.count == 60 }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "a retry that cannot be stored keeps its message, until it can", like: "NServiceBus.on_error_throws",
                "Wolverine.dead_letter_paths_settle_the_original_delivery"
            ) { bench in
                try await bench.cannotStore(
                    retry: RetryPolicy(immediate: [], delayed: [bench.subject.delay], jitter: 0))
            },
            Self(
                "a dead letter that cannot be stored keeps its message, until it can",
                like: "NServiceBus.sending_from_on_error", "Spring.RepublishMessageRecovererWithConfirms"
            ) { bench in
                try await bench.cannotStore(retry: RetryPolicy.none)
            },
        ]
    }
}

extension ConformanceBench {
    /// Half of the events fail while nothing can be stored; in the end each is handled, or a dead letter.
    fileprivate func cannotStore(retry: RetryPolicy) async throws {
        let failures = retry.maximumAttempts
        let calls = Observed<[Int: Int]>([:])
        try await working(retry: retry) {
            Subscription(to: Opened.self) { event, _ in
                calls.update { $0[event.number, default: 0] += 1 }
                if event.number % 2 == 0 { throw NotYet() }
            }
        } while: {
            try await subject.preventStoring(of: service)
            try await publish(0..<6)
            try await wait(calls, "a failure") { calls in calls.keys.contains { $0 % 2 == 0 } }
            try await subject.allowStoring(of: service)
            try await eventually(service, holds: TransportDepth(dead: 3), elapsing: true)
            try await wait(calls, "the rest") { $0.count == 6 }
        }
        try await eventually(service, holds: TransportDepth(dead: 3))
        let wanted = (0..<6).reduce(into: [Int: Int]()) { $0[$1] = $1 % 2 == 0 ? failures : 1 }
        try expect(calls.value, is: wanted, "calls by number")
        let letters = try await subject.deadLetters(of: service)
        try expect(letters.map(\.attempts), is: [failures, failures, failures], "attempts")
    }
}
