import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension ConformanceScenario {
    /// Copies that wait.
    static var retrying: [Self] {
        [
            Self(
                "a retry comes back when its delay is over, and never before", like: "Wolverine.can_schedule_retry",
                "NServiceBus.on_message_throws_after_delayed_retry", "NServiceBus.Deferring"
            ) { bench in
                let delay = bench.subject.delay
                try await bench.receiving { inbox in
                    try await bench.publish(0..<1)
                    let first = try await bench.arrivals(1, at: inbox)[0]
                    let stored = bench.subject.clock.uptime()
                    try await inbox.endpoint.retry(first.delivery, after: delay, record: bench.record(attempts: 1))
                    if bench.subject.isClockManual {
                        try await bench.subject.elapse(delay * 99 / 100)
                        try await bench.eventually(bench.service, holds: TransportDepth(waiting: 1))
                        try bench.expect(inbox.count, is: 1, "deliveries before the delay is over")
                    }
                    let again = try await bench.arrivals(2, at: inbox, elapsing: true)[1]
                    try bench.expect(again.time - stored >= delay, "it came after \(again.time - stored)")
                    inbox.acknowledge([again])
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "a retry carries what was counted so far", like: "Wolverine.will_requeue_and_increment_attempts",
                "NServiceBus.modifying_headers_before_retry"
            ) { bench in
                let record = bench.record(attempts: 4, unhandledCount: 3)
                try await bench.receiving { inbox in
                    try await bench.publish(0..<1)
                    let first = try await bench.arrivals(1, at: inbox)[0]
                    try await inbox.endpoint.retry(first.delivery, after: bench.subject.delay, record: record)
                    let again = try await bench.arrivals(2, at: inbox, elapsing: true)[1]
                    try bench.expect(again.delivery.attempts, is: 4, "attempts")
                    try bench.expect(again.delivery.unhandledCount, is: 3, "unhandled count")
                    let failed = try bench.require(again.delivery.firstFailedAt, "date of the first failure")
                    try bench.expect(
                        abs(failed.timeIntervalSince(record.firstFailedAt)) < 0.01, "first failed \(failed)")
                    inbox.acknowledge([again])
                }
            },
            Self("a retry is the same event", like: "NServiceBus.modifying_incoming_headers") { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(Opened(number: 1, key: "k", text: "t"), correlationID: "business")
                    let first = try await bench.arrivals(1, at: inbox)[0]
                    try await inbox.endpoint.retry(
                        first.delivery, after: bench.subject.delay, record: bench.record(attempts: 1))
                    let again = try await bench.arrivals(2, at: inbox, elapsing: true)[1]
                    try bench.expect(again.envelope, is: first.envelope, "the envelope")
                    inbox.acknowledge([again])
                }
            },
            Self(
                "a retry goes to the service that failed and to no other", like: "RawRabbit.314", "EasyNetQ.892"
            ) { bench in
                try await bench.receiving { mine in
                    try await bench.receiving(as: bench.neighbour) { theirs in
                        try await bench.publish(0..<1)
                        let first = try await bench.arrivals(1, at: mine)[0]
                        try await mine.endpoint.retry(
                            first.delivery, after: bench.subject.delay, record: bench.record(attempts: 1))
                        try await bench.arrivals(2, at: mine, elapsing: true)
                        try await bench.publish(1..<2)
                        try await bench.arrivals(2, at: theirs)
                        try bench.expect(theirs.numbers, is: [0, 1], "what the neighbour got")
                        mine.acknowledge(mine.arrivals.value.suffix(2))
                        theirs.acknowledge(theirs.arrivals.value)
                    }
                }
            },
            Self("a short delay overtakes a long one", like: "dramatiq.458", "RabbitMQ.ttl.head_of_line") { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(0..<2)
                    let arrivals = try await bench.arrivals(2, at: inbox)
                    let record = bench.record(attempts: 1)
                    try await inbox.endpoint.retry(arrivals[0].delivery, after: bench.subject.delay * 4, record: record)
                    try await inbox.endpoint.retry(arrivals[1].delivery, after: bench.subject.delay, record: record)
                    try await bench.arrivals(4, at: inbox, elapsing: true)
                    try bench.expect(inbox.numbers.suffix(2), is: [1, 0], "the order of coming back")
                    inbox.acknowledge(inbox.arrivals.value.suffix(2))
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self(
                "a retry without delay, or with one that is over, is due at once",
                like: "NServiceBus.deferring_to_the_past"
            ) { bench in
                try await bench.receiving { inbox in
                    try await bench.publish(0..<2)
                    let arrivals = try await bench.arrivals(2, at: inbox)
                    let record = bench.record(attempts: 1)
                    try await inbox.endpoint.retry(arrivals[0].delivery, after: .zero, record: record)
                    try await inbox.endpoint.retry(arrivals[1].delivery, after: .seconds(-5), record: record)
                    try await bench.arrivals(4, at: inbox, elapsing: true)
                    inbox.acknowledge(inbox.arrivals.value.suffix(2))
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self("a retry that is due does not wait behind the backlog", like: "NServiceBus.delayed_delivery") {
                bench in
                let backlog = 60
                try await bench.register(bench.service)
                try await bench.publish(0..<backlog)
                try await bench.receiving(prefetch: 1) { inbox in
                    let first = try await bench.arrivals(1, at: inbox)[0]
                    try await inbox.endpoint.retry(
                        first.delivery, after: bench.subject.delay, record: bench.record(attempts: 1))
                    try await bench.eventually("the retry is due", elapsing: true) {
                        try await bench.subject.depth(of: bench.service).waiting == 0
                    }
                    var count = 2
                    while inbox.numbers.count(where: { $0 == 0 }) < 2 {
                        let arrivals = try await bench.arrivals(count, at: inbox, elapsing: true)
                        try bench.expect(count < backlog / 2, "\(count) others came before it")
                        inbox.acknowledge(arrivals[count - 1...count - 1])
                        count += 1
                    }
                }
            },
        ]
    }
}
