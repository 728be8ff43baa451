import Testing

@testable import Harebell

@Suite struct FailureTests {
    private struct OutOfStock: FailureClassifying {
        var failureClassification: FailureClassification { .transient(retryAfter: .seconds(3)) }
    }

    @Test func `errors say what kind of failure they are`() {
        #expect(FailureClassification(PermanentError("no")) == .permanent)
        #expect(FailureClassification(TransientError("later")) == .transient(retryAfter: nil))
        #expect(
            FailureClassification(TransientError("later", retryAfter: .seconds(9)))
                == .transient(retryAfter: .seconds(9)))
        #expect(FailureClassification(OutOfStock()) == .transient(retryAfter: .seconds(3)))
    }

    @Test func `an unclassified error is transient`() {
        #expect(FailureClassification(Boom()) == .transient(retryAfter: nil))
        #expect(FailureClassification(CancellationError()) == .transient(retryAfter: nil))
    }

    private func describe(_ error: any Error, handler: String? = "h", type: EventType? = "a.b") -> FailureDescription {
        FailureDescription(error, handler: handler, eventType: type)
    }

    @Test func `the type is that of the error behind a wrapper`() {
        #expect(describe(Boom()).type == "Boom")
        #expect(describe(PermanentError("no")).type == "PermanentError")
        #expect(describe(PermanentError("no", underlying: Boom())).type == "Boom")
        #expect(describe(TransientError("x", underlying: PermanentError("y", underlying: Boom()))).type == "Boom")
        #expect(describe(HarebellError(.handlerTimedOut, "x")).type == "HarebellError.handlerTimedOut")
    }

    @Test func `the message keeps the words of wrapper and cause`() {
        #expect(describe(PermanentError("no", underlying: TransientError("deep"))).message == "no: deep")
    }

    @Test func `a long message is cut between characters`() {
        for filler in ["a", "å", "€", "👨‍👩‍👧"] {
            let message = describe(PermanentError("x" + String(repeating: filler, count: 2_000))).message
            #expect(message.utf8.count <= 1_024)
            #expect(message.utf8.count > 1_024 - 30)
            #expect(message.dropFirst().allSatisfy { String($0) == filler })
        }
        #expect("kort".cut(toBytes: 4) == "kort")
        #expect("kort".cut(toBytes: 0) == "")
    }

    @Test func `failures that differ in numbers only share a fingerprint`() {
        let first = describe(TransientError("connection to 10.0.0.1:5672 refused after 31 ms (id 7f3a-9)"))
        let second = describe(TransientError("connection to 10.0.0.2:5673 refused after 4 ms (id 0c11-2)"))
        #expect(first.fingerprint == second.fingerprint)
        #expect(first.fingerprint.count == 16)
        #expect(first.fingerprint.allSatisfy { $0.isHexDigit })
    }

    @Test func `other errors, handlers and events have other fingerprints`() {
        let all = [
            describe(TransientError("refused")), describe(TransientError("reset")), describe(Boom(text: "refused")),
            describe(TransientError("refused"), handler: "other"), describe(TransientError("refused"), type: "a.c"),
        ]
        #expect(Set(all.map(\.fingerprint)).count == all.count)
    }

    @Test func `the backoff of storing doubles up to thirty seconds`() {
        let delays = (1...12).map { StorageBackoff.delay(failures: $0, random: 0.5) }
        #expect(delays[0] == .milliseconds(100))
        #expect(delays[1] == .milliseconds(200))
        #expect(delays[11] == .seconds(30))
        #expect(delays == delays.sorted())
        for random in [0, 0.999_999] {
            #expect(StorageBackoff.delay(failures: .max, random: random) <= .seconds(36))
            #expect(StorageBackoff.delay(failures: 0, random: random) >= .milliseconds(80))
        }
    }

    @Test func `dead letter reasons are the words on the wire`() {
        #expect(
            DeadLetterReason.allCases.map(\.rawValue) == ["exhausted", "permanent", "poison", "unhandled", "expired"])
    }
}
