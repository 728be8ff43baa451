import Testing

@testable import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct EnvelopeTests {
    @Test func `an event comes back as it was`() throws {
        let event = LoanOpened(loanID: "Åsa/1", minorUnits: .max)
        let envelope = try Envelope(event, producer: "payout")
        #expect(try envelope.decode(LoanOpened.self) == event)
    }

    @Test func `an envelope takes its attributes from the event`() throws {
        let envelope = try Envelope(LoanOpened(loanID: "L1"), producer: "payout", id: EventID("e1"))
        #expect(envelope.type == "test.loan-opened")
        #expect(envelope.source == "/payout")
        #expect(envelope.producer == "payout")
        #expect(envelope.subject == "L1")
        #expect(envelope.partitionKey == "L1")
        #expect(envelope.contentType == "application/json")
        #expect(envelope.causationID == nil)
        #expect(envelope.sequence == nil)
    }

    @Test func `without a correlation id the event starts one with its own id`() throws {
        let envelope = try Envelope(Ping(number: 1), producer: "payout", id: EventID("e1"))
        #expect(envelope.correlationID == "e1")
        let given = try Envelope(Ping(number: 1), producer: "payout", correlationID: "c")
        #expect(given.correlationID == "c")
    }

    @Test func `a caused event carries correlation and causation on`() throws {
        let cause = try Envelope(Ping(number: 1), producer: "payout", id: EventID("e1"), correlationID: "c")
        let effect = try Envelope(Ping(number: 2), producer: "email", causedBy: cause)
        #expect(effect.correlationID == "c")
        #expect(effect.causationID == "e1")
    }

    @Test func `the time is kept to the millisecond`() throws {
        let time = Date(timeIntervalSince1970: 1_700_000_000.123_456)
        let envelope = try Envelope(Ping(number: 1), producer: "payout", time: time)
        #expect(abs(envelope.time.timeIntervalSince1970 - 1_700_000_000.123) < 0.000_01)
    }

    @Test func `the JSON has sorted keys, ISO 8601 dates with milliseconds and plain slashes`() throws {
        let event = Nested(
            at: Date(timeIntervalSince1970: 1_767_225_600.25), inner: .init(emails: ["a/b"]), count: 2, note: nil)
        let envelope = try Envelope(event, producer: "payout")
        #expect(
            String(decoding: envelope.body, as: UTF8.self)
                == #"{"at":"2026-01-01T00:00:00.250Z","count":2,"inner":{"emails":["a/b"]}}"#)
        #expect(try envelope.decode(Nested.self) == event)
    }

    @Test(arguments: [
        ("2026-01-01T00:00:00Z", 0.0), ("2026-01-01T00:00:00.5Z", 0.5), ("2026-01-01T00:00:00.123Z", 0.123),
        ("2026-01-01T01:00:00+01:00", 0), ("2026-01-01T00:00:00.123456Z", 0.123),
    ])
    func `dates with and without fractions and with offsets are read`(text: String, fraction: Double) throws {
        let date = try #require(InternetTime.parse(text))
        #expect(abs(date.timeIntervalSince1970 - 1_767_225_600 - fraction) < 0.000_1)
    }

    @Test(arguments: ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01", "1767225600"])
    func `other texts are no dates`(text: String) {
        #expect(InternetTime.parse(text) == nil)
    }

    private func failure(_ json: String) throws -> HarebellError {
        var envelope = try Envelope(Ping(number: 1), producer: "p")
        envelope.body = Array(json.utf8)
        return try #require(throws: HarebellError.self) { try envelope.decode(Nested.self) }
    }

    @Test(arguments: [
        (#"{"at":"2026-01-01T00:00:00Z","count":1}"#, "field \"inner\" is missing"),
        (#"{"at":"2026-01-01T00:00:00Z","count":1,"inner":{}}"#, "field \"inner.emails\" is missing"),
        (
            #"{"at":"2026-01-01T00:00:00Z","count":"SECRET","inner":{"emails":[]}}"#,
            "field \"count\" is not of type Int"
        ),
        (#"{"at":"SECRET","count":1,"inner":{"emails":[]}}"#, "field \"at\" is not an ISO 8601 date"),
        (#"{"at":"2026-01-01T00:00:00Z","count":null,"inner":{"emails":[]}}"#, "field \"count\" is null"),
        (#"{"at":"2026-01-01T00:00:00Z","count":1,"inner":{"emails":["SECRET",2]}}"#, "field \"inner.emails[1]\""),
        (#"["SECRET"]"#, "not a JSON object"), (#"{"at":"SECRET"#, "is not JSON"), ("SECRET", "is not JSON"),
        ("", "is not JSON"),
    ])
    func `a body that does not decode is explained by field and path, without values`(
        json: String, expected: String
    ) throws {
        let error = try failure(json)
        #expect(error.code == .decodingFailed)
        #expect(error.description.contains(expected), "\(error)")
        #expect(error.description.contains("Nested"))
        #expect(!error.description.contains("SECRET"))
        #expect(error.underlying == nil)
    }

    @Test func `an event that JSON cannot hold is refused with its field`() throws {
        struct Ratio: Event {
            static let eventType: EventType = "test.ratio"
            var share: Double
        }
        let error = try #require(throws: HarebellError.self) {
            try Envelope(Ratio(share: .infinity), producer: "p")
        }
        #expect(error.code == .encodingFailed)
        #expect(error.description.contains("share"))
    }

    @Test func `deeply nested JSON is poison and not a crash`() throws {
        let error = try failure(String(repeating: "[", count: 100_000))
        #expect(error.code == .decodingFailed)
    }

    @Test func `the trace id is read from a well-formed traceparent only`() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736"
        #expect(TraceContext(traceparent: "00-\(id)-00f067aa0ba902b7-01").traceID == id)
        for bad in ["", "00", "00-xyz-00f067aa0ba902b7-01", "00-\(id)"] {
            #expect(TraceContext(traceparent: bad).traceID == nil)
        }
        #expect(TraceContext().isEmpty)
    }
}

@Suite struct `A copy of an envelope` {
    @Test func `changing it leaves the original as it was`() throws {
        struct Ping: Event { static let eventType: EventType = "test.ping" }
        let original = try Envelope(Ping(), producer: "p", time: Date(timeIntervalSince1970: 1))
        var copy = original
        #expect(copy == original && copy.hashValue == original.hashValue)
        copy.subject = "changed"
        copy.body.append(0)
        #expect(original.subject == nil)
        #expect(original.body == Array("{}".utf8))
        #expect(copy.subject == "changed")
        #expect(copy != original)
        copy.subject = nil
        copy.body.removeLast()
        #expect(copy == original && copy.hashValue == original.hashValue)
    }
}
