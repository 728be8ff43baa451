import Harebell

extension ConformanceScenario {
    /// Stopping and closing.
    static var stopping: [Self] {
        [
            Self(
                "after stop nothing new is taken, the deliveries end, and what was taken can be settled",
                like: "Wolverine.drain_wait_for_prefetch", "NServiceBus.stopping_on_message"
            ) { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(0..<3)
                    let arrivals = try await bench.arrivals(3, at: inbox)
                    await inbox.endpoint.stop()
                    try await bench.wait(inbox.hasEnded, "the end of the deliveries") { $0 }
                    try await bench.publish(3..<5)
                    inbox.acknowledge(arrivals.prefix(1))
                    try await inbox.endpoint.retry(
                        arrivals[1].delivery, after: bench.subject.delay, record: bench.record(attempts: 1))
                    try await inbox.endpoint.deadLetter(
                        arrivals[2].delivery, reason: .permanent, record: bench.record(attempts: 1))
                    try bench.expect(inbox.count, is: 3, "deliveries")
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 3, dead: 1), elapsing: true)
            },
            Self(
                "stop and close may come twice, and from several sides", like: "Watermill.ConcurrentClose",
                "NServiceBus.disposing_without_stopping", "Wolverine.drain_repeated_stop"
            ) { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(0..<1)
                    try await bench.arrivals(1, at: inbox)
                    await withDiscardingTaskGroup { group in
                        for _ in 0..<4 {
                            group.addTask {
                                await inbox.endpoint.stop()
                                await inbox.endpoint.close()
                            }
                        }
                    }
                    inbox.acknowledge(inbox.arrivals.value)
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 1))
            },
            Self(
                "a service closes and the others go on", like: "Watermill.ContinueAfterSubscribeClose",
                "Watermill.SubscribeCtx"
            ) { bench in
                try await bench.receiving(as: bench.neighbour) { theirs in
                    for round in 0..<3 {
                        try await bench.receiving { mine in
                            try await bench.publish(round..<round + 1)
                            try await bench.arrivals(1, at: mine)
                            mine.acknowledge(mine.arrivals.value)
                        }
                    }
                    try await bench.arrivals(3, at: theirs)
                    try bench.expect(theirs.numbers, is: [0, 1, 2], "what the neighbour got")
                    theirs.acknowledge(theirs.arrivals.value)
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "a worker that stops finishes what it has begun", like: "NServiceBus.stopping_on_message",
                "Spring.ContainerShutDown"
            ) { bench in
                let begun = Observed(0)
                let finished = Observed(0)
                let isStopping = Observed(false)
                try await bench.working(prefetch: 5) {
                    Subscription(to: Opened.self) { _, _ in
                        begun.update { $0 += 1 }
                        try await isStopping.wait(within: .seconds(30)) { $0 }
                        finished.update { $0 += 1 }
                    }
                } while: {
                    try await bench.publish(0..<8)
                    try await bench.wait(begun, "five have begun") { $0 == 5 }
                    isStopping.update { $0 = true }
                }
                try bench.expect(finished.value, is: begun.value, "finished")
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 8 - finished.value))
            },
            Self(
                "a worker that must stop hands back what it could not finish, uncounted and in order",
                like: "NServiceBus.cancelling_stop_on_message", "NServiceBus.stop_canceled_on_message"
            ) { bench in
                let begun = Observed(0)
                try await bench.working(prefetch: 5, gracePeriod: .zero) {
                    Subscription(to: Opened.self) { _, _ in
                        begun.update { $0 += 1 }
                        try await Task.sleep(for: .seconds(60))
                    }
                } while: {
                    try await bench.publish(0..<8)
                    try await bench.wait(begun, "five have begun") { $0 == 5 }
                }
                try await bench.eventually(bench.service, holds: TransportDepth(ready: 8))
                try await bench.receiving { inbox in
                    let arrivals = try await bench.arrivals(8, at: inbox)
                    try bench.expect(inbox.numbers, is: Array(0..<8), "the order")
                    try bench.expect(arrivals.map(\.delivery.attempts).max(), is: 0, "attempts")
                    inbox.acknowledge(arrivals)
                }
            },
            Self(
                "one replica after another is replaced, and nothing is lost", like: "NServiceBus.restarting_endpoint",
                "Watermill.ConcurrentSubscribe"
            ) { bench in
                let handled = Observed<[Int]>([])
                try await bench.register(bench.service)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await bench.publish(0..<150) }
                    for generation in 1...4 {
                        let wanted = generation * 30
                        try await bench.working(prefetch: 10) {
                            Subscription(to: Opened.self) { event, _ in handled.update { $0.append(event.number) } }
                        } while: {
                            try await bench.wait(handled, "its share") { $0.count >= wanted }
                        }
                    }
                    try await bench.working {
                        Subscription(to: Opened.self) { event, _ in handled.update { $0.append(event.number) } }
                    } while: {
                        try await bench.wait(handled, "the rest") { Set($0).count == 150 }
                    }
                    try await group.waitForAll()
                }
                try bench.expect(handled.value.count, is: 150, "calls")
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
        ]
    }
}
