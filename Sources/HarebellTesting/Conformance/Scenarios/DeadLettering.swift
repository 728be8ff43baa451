import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension ConformanceScenario {
    /// What is put aside.
    static var deadLettering: [Self] {
        [
            Self(
                "a dead letter says why, and keeps the event's bytes", like: "NServiceBus.is_moved_to_error_queue",
                "Wolverine.move_to_dead_letter_storage", "Spring.RepublishMessageRecovererWithConfirms"
            ) { bench in
                let record = bench.record(attempts: 7, message: "refused: Ω \u{1B}[31m")
                for (number, reason) in DeadLetterReason.allCases.enumerated() {
                    try await bench.receiving { inbox in
                        let id = try await bench.publish(Opened(number: number), correlationID: "business-\(number)")
                        let arrival = try await bench.arrivals(1, at: inbox)[0]
                        try await inbox.endpoint.deadLetter(arrival.delivery, reason: reason, record: record)
                        try await bench.eventually(bench.service, holds: TransportDepth(dead: number + 1))
                        let letter = try await bench.subject.deadLetters(of: bench.service)[number]
                        try bench.expect(letter.reason, is: reason.rawValue, "the reason")
                        try bench.expect(letter.id, is: id.rawValue, "the id")
                        try bench.expect(letter.body, is: arrival.envelope?.body, "the body")
                        try bench.expect(letter.correlationID, is: "business-\(number)", "the correlation id")
                        try bench.expect(letter.attempts, is: 7, "attempts")
                        try bench.expect(letter.errorType, is: record.errorType, "the error's type")
                        try bench.expect(letter.errorMessage, is: record.errorMessage, "the error's words")
                        try bench.expect(letter.fingerprint, is: record.fingerprint, "the fingerprint")
                        try bench.expect(letter.handler, is: record.handler, "the handler")
                        for (found, wanted) in [
                            (letter.firstFailedAt, record.firstFailedAt), (letter.failedAt, record.failedAt),
                        ] {
                            let date = try bench.require(found, "date")
                            try bench.expect(abs(date.timeIntervalSince(wanted)) < 0.01, "\(date) for \(wanted)")
                        }
                    }
                }
            },
            Self(
                "a dead letter is put aside for one service only",
                like: "NServiceBus.subscribers_handles_the_same_event"
            ) { bench in
                try await bench.receiving { mine in
                    try await bench.receiving(as: bench.neighbour) { theirs in
                        try await bench.publish(0..<1)
                        let arrival = try await bench.arrivals(1, at: mine)[0]
                        try await mine.endpoint.deadLetter(
                            arrival.delivery, reason: .permanent, record: bench.record(attempts: 1))
                        try await bench.arrivals(1, at: theirs)
                        theirs.acknowledge(theirs.arrivals.value)
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth(dead: 1))
                try await bench.eventually(bench.neighbour, holds: TransportDepth())
            },
            Self("looking at dead letters leaves them where they are", like: "Wolverine.DeadLetterAdmin.summaries") {
                bench in
                try await bench.putAside(0..<3)
                for _ in 0..<25 {
                    let letters = try await bench.subject.deadLetters(of: bench.service)
                    try bench.expect(letters.count, is: 3, "dead letters")
                }
            },
            Self(
                "a replayed dead letter starts over: same event, same bytes, all its attempts",
                like: "NServiceBus.retrying_message_from_error_queue", "Wolverine.replay_by_query"
            ) { bench in
                let ids = try await bench.putAside(0..<3)
                try await bench.receiving { inbox in
                    try await bench.receiving(as: bench.neighbour) { theirs in
                        try await bench.subject.replayDeadLetters(of: bench.service)
                        let arrivals = try await bench.arrivals(3, at: inbox)
                        try bench.expect(Set(inbox.ids), is: Set(ids), "ids")
                        for arrival in arrivals {
                            try bench.expect(arrival.delivery.attempts, is: 0, "attempts")
                            try bench.expect(arrival.delivery.replayCount, is: 1, "replay count")
                            try bench.expect(arrival.delivery.firstFailedAt != nil, "when it failed first is forgotten")
                        }
                        try await bench.publish(3..<4)
                        try await bench.arrivals(1, at: theirs)
                        try bench.expect(theirs.numbers, is: [3], "what the neighbour got")
                        theirs.acknowledge(theirs.arrivals.value)
                        try await bench.arrivals(4, at: inbox)
                        inbox.acknowledge(inbox.arrivals.value)
                    }
                }
                try await bench.eventually(bench.service, holds: TransportDepth())
            },
            Self("a dead letter that dies again has been replayed once more", like: "NServiceBus.message_fails_retries")
            {
                bench in
                try await bench.putAside(0..<1)
                for round in 1...2 {
                    try await bench.receiving { inbox in
                        try await bench.subject.replayDeadLetters(of: bench.service)
                        let arrival = try await bench.arrivals(1, at: inbox)[0]
                        try bench.expect(arrival.delivery.replayCount, is: round, "replay count")
                        try await inbox.endpoint.deadLetter(
                            arrival.delivery, reason: .exhausted, record: bench.record(attempts: 1))
                    }
                    try await bench.eventually(bench.service, holds: TransportDepth(dead: 1))
                    let letter = try await bench.subject.deadLetters(of: bench.service)[0]
                    try bench.expect(letter.replayCount, is: round, "replay count of the letter")
                }
            },
        ]
    }
}

extension ConformanceBench {
    /// Publishes events and puts each of them aside.
    @discardableResult
    fileprivate func putAside(_ numbers: Range<Int>) async throws -> [EventID] {
        let ids = try await receiving { inbox in
            let ids = try await publish(numbers)
            for arrival in try await arrivals(numbers.count, at: inbox) {
                try await inbox.endpoint.deadLetter(
                    arrival.delivery, reason: .exhausted, record: record(attempts: 5))
            }
            return ids
        }
        try await eventually(service, holds: TransportDepth(dead: numbers.count))
        return ids
    }
}
