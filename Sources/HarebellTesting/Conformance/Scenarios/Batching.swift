import Harebell

extension ConformanceScenario {
    /// Handlers of batches.
    static var batching: [Self] {
        [
            Self(
                "a full batch is handled at once, and each of its messages has its own outcome",
                like: "MassTransit.When_a_batch_limit_is_reached", "MassTransit.Consuming_a_batch_of_significant_size"
            ) { bench in
                let calls = Observed<[[Int]]>([])
                try await bench.working {
                    Subscription(toBatchesOf: Opened.self, upTo: 4, within: .seconds(60)) { batch in
                        calls.update { $0.append(batch.map(\.event.number)) }
                        for item in batch {
                            if item.event.number == 1 { item.fail(PermanentError("no such account")) }
                            if item.event.number == 2, item.context.attempt == 1 { item.fail(NotYet()) }
                        }
                    }
                } while: {
                    try await bench.publish(0..<4)
                    try await bench.eventually(bench.service, holds: TransportDepth(dead: 1))
                    try await bench.wait(calls, "the second call") { $0.count == 2 }
                }
                try bench.expect(calls.value, is: [[0, 1, 2, 3], [2]], "calls")
                let letter = try await bench.subject.deadLetters(of: bench.service)[0]
                try bench.expect(letter.reason, is: "permanent", "the reason")
                try bench.expect(letter.attempts, is: 1, "attempts")
                try await bench.eventually(bench.service, holds: TransportDepth(dead: 1))
            },
            Self(
                "a batch that is not full is handled when its time is over, without what cannot be read",
                like: "MassTransit.When_a_batch_limit_is_reached"
            ) { bench in
                let calls = Observed<[[Int]]>([])
                let delay = bench.subject.delay
                try await bench.working {
                    Subscription(toBatchesOf: Opened.self, upTo: 10, within: delay) { batch in
                        calls.update { $0.append(batch.map(\.event.number)) }
                    }
                } while: {
                    var undecodable = try Envelope(Opened(number: 9), producer: "producer")
                    undecodable.body = Array(#"{"number":"nine"}"#.utf8)
                    try await bench.publish(0..<1)
                    try await bench.transport.publish(undecodable)
                    try await bench.publish(1..<3)
                    try await bench.eventually("all of them") {
                        try await bench.subject.elapse(delay / 4)
                        return calls.value.flatMap { $0 }.count == 3
                    }
                    try await bench.eventually(bench.service, holds: TransportDepth(dead: 1))
                }
                try bench.expect(calls.value.flatMap { $0 }.sorted(), is: [0, 1, 2], "what was handled")
            },
            Self(
                "a worker that stops hands back what it was collecting, uncounted and in order",
                like: "NServiceBus.stopping_on_message"
            ) { bench in
                let calls = Observed(0)
                let collects = Observed(false)
                try await bench.working {
                    Subscription(toBatchesOf: Opened.self, upTo: 5, within: .seconds(60)) { _ in
                        calls.update { $0 += 1 }
                    }
                    Subscription(to: Closed.self) { _, _ in collects.update { $0 = true } }
                } while: {
                    try await bench.publish(0..<3)
                    // Comes behind them.
                    try await bench.publish(Closed(number: 0))
                    try await bench.wait(collects, "all have come") { $0 }
                }
                try bench.expect(calls.value, is: 0, "calls")
                try await bench.receiving { inbox in
                    let arrivals = try await bench.arrivals(3, at: inbox)
                    try bench.expect(inbox.numbers, is: [0, 1, 2], "the order")
                    try bench.expect(arrivals.map(\.delivery.attempts).max(), is: 0, "attempts")
                    inbox.acknowledge(arrivals)
                }
            },
        ]
    }
}
