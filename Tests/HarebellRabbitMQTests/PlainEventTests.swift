import FoundationEssentials
import Harebell
import Testing

@testable import AMQP
@testable import HarebellRabbitMQ

/// Reading an event in place is the same as decoding all of its properties first, or it is left to that.
@Suite struct PlainEventTests {
    private static let envelope = Envelope(
        id: EventID("0199c3a1-0000-7000-8000-000000000001"), type: "loan.paid-out", source: "/payout",
        time: Date(timeIntervalSince1970: 1_763_900_000.125), subject: "loan-1", partitionKey: "loan-1", sequence: "7",
        dataSchema: "https://example.com/schema", correlationID: "c-1", causationID: "cause-1",
        trace: TraceContext(traceparent: "00-a-b-01", tracestate: "x=1", baggage: "k=v"), producer: "payout",
        body: Array(#"{"amount":1}"#.utf8))

    /// What is read in place; `nil` if it is left to the other way.
    private func inPlace(_ properties: BasicProperties, names: inout NameCache.Names) throws -> PlainEvent? {
        var event: PlainEvent?
        try properties.withEncoded { encoded in
            _ = PropertiesReader().read(encoded) {
                event = PlainEvent($0, body: Self.envelope.body, names: &names)
            }
        }
        return event
    }

    private func inPlace(_ properties: BasicProperties) throws -> PlainEvent? {
        var names = NameCache.Names()
        return try inPlace(properties, names: &names)
    }

    private func decoded(_ properties: BasicProperties) throws -> Envelope {
        try ReceivedMessage(
            exchange: "loan.paid-out", properties: properties, body: Self.envelope.body, isOwn: false
        ).envelope(now: Date(timeIntervalSince1970: 1))
    }

    @Test func `an event comes out as it went in`() throws {
        let event = try #require(try inPlace(Self.envelope.basicProperties))
        #expect(event.envelope == Self.envelope)
        #expect(event.deliveryCount == 0)
    }

    @Test func `so does one with nothing that can be left out`() throws {
        let envelope = Envelope(
            id: EventID("e1"), type: "a.b", source: "/s", time: Date(timeIntervalSince1970: 0), correlationID: "e1",
            producer: "", body: Self.envelope.body)
        #expect(try inPlace(envelope.basicProperties)?.envelope == envelope)
    }

    @Test func `names that were seen before are the same for the next message`() throws {
        var names = NameCache.Names()
        for number in 0..<200 {
            var envelope = Self.envelope
            envelope.id = EventID("e\(number)")
            envelope.source = "/s\(number % 70)"
            envelope.producer = "p\(number % 90)"
            #expect(try inPlace(envelope.basicProperties, names: &names)?.envelope == envelope)
        }
    }

    @Test func `the broker's count is read, the first of them`() throws {
        var properties = Self.envelope.basicProperties
        properties.headers.append("x-delivery-count", .int64(7))
        properties.headers.append("x-delivery-count", .int64(9))
        #expect(try inPlace(properties)?.deliveryCount == 7)
        properties.headers["x-delivery-count"] = .string("no number")
        #expect(try inPlace(properties)?.deliveryCount == 0)
    }

    @Test func `foreign headers mean nothing`() throws {
        var properties = Self.envelope.basicProperties
        properties.headers["x-tenant"] = .string("t")
        properties.headers["harebell-attempt"] = .int64(5)
        properties.headers["Über"] = .table(["a": .bytes([0xFF])])
        #expect(try inPlace(properties)?.envelope == Self.envelope)
    }

    @Test(arguments: [
        "cloudEvents:id", "ce-id", "ce_type", "cloudEvents_", "cloudEvents_other", "c",
    ])
    func `other spellings are left to the other way`(name: String) throws {
        var properties = Self.envelope.basicProperties
        properties.headers[name] = .string("x")
        #expect(try inPlace(properties) == nil)
    }

    @Test(arguments: [
        ("cloudEvents_time", "2026-11-28T10:00:00+01:00"), ("cloudEvents_time", "2026-02-30T10:00:00Z"),
        ("cloudEvents_specversion", "1.1"), ("cloudEvents_specversion", "2.0"), ("cloudEvents_subject", "Müller"),
    ])
    func `so is what only it understands`(name: String, value: String) throws {
        var properties = Self.envelope.basicProperties
        properties.headers[name] = .string(value)
        #expect(try inPlace(properties) == nil)
    }

    @Test func `so is what lacks something, is there twice, has another kind, or is structured`() throws {
        for name in ["id", "type", "source", "time", "specversion"] {
            var properties = Self.envelope.basicProperties
            properties.headers["cloudEvents_" + name] = nil
            #expect(try inPlace(properties) == nil, "without \(name)")
        }
        var properties = Self.envelope.basicProperties
        properties.headers.append("cloudEvents_id", .string("again"))
        #expect(try inPlace(properties) == nil)
        properties = Self.envelope.basicProperties
        properties.headers["cloudEvents_sequence"] = .int64(7)
        #expect(try inPlace(properties) == nil)
        properties = Self.envelope.basicProperties
        properties.contentType = "application/cloudevents+json"
        #expect(try inPlace(properties) == nil)
    }

    @Test func `so is what is large, and nothing is read of what is malformed`() throws {
        var properties = Self.envelope.basicProperties
        properties.headers["x-large"] = .string(String(repeating: "x", count: PropertiesReader.largest))
        #expect(try inPlace(properties) == nil)
        try Self.envelope.basicProperties.withEncoded { encoded in
            for end in 0..<encoded.count {
                let isRead = PropertiesReader().read(UnsafeRawBufferPointer(rebasing: encoded[..<end])) { _ in
                    Issue.record("\(end) bytes of \(encoded.count) were shown")
                }
                #expect(!isRead)
            }
        }
    }

    @Test(arguments: 0..<500) func `whatever is read in place is what decoding all of it gives`(seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let properties = Self.mutated(&random)
        guard let event = try inPlace(properties) else { return }
        #expect(try event.envelope == decoded(properties))
        let count = properties.headers["x-delivery-count"]?.integerValue ?? 0
        #expect(event.deliveryCount == Int(clamping: count))
    }

    @Test func `most of these are read in place`() throws {
        let count = try (0..<500).count { seed in
            var random = SplitMix(seed: UInt64(seed))
            return try inPlace(Self.mutated(&random)) != nil
        }
        #expect(count > 100 && count < 500)
    }

    /// An event's properties with some changed, added, removed or doubled.
    private static func mutated(_ random: inout SplitMix) -> BasicProperties {
        var properties = envelope.basicProperties
        let names = envelope.basicProperties.headers.keys + ["x-delivery-count", "x-other", "cloud", "harebell-other"]
        let texts = ["", "1.0", "e2", "2026-11-28T10:00:00Z", "2026-11-28T10:00:00.123Z", "ä", "c-1", "a.b"]
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let name = names.randomElement(using: &random) ?? ""
            let value: FieldValue? =
                switch Int.random(in: 0..<6, using: &random) {
                case 0: nil
                case 1: .int64(.random(in: -2...Int64.max, using: &random))
                default: .string(texts.randomElement(using: &random) ?? "")
                }
            if Bool.random(using: &random) {
                properties.headers[name] = value
            } else if let value {
                properties.headers.append(name, value)
            }
        }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: properties.contentType = texts.randomElement(using: &random)
        case 1: properties.correlationID = [nil, envelope.id.rawValue, "", "ä"].randomElement(using: &random) ?? nil
        case 2: properties.appID = nil
        case 3: properties.timestamp = nil
        case 4: properties.messageID = nil
        case 5: properties.type = texts.randomElement(using: &random)
        default: break
        }
        return properties
    }
}

extension BasicProperties {
    fileprivate func withEncoded(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let size = try measure()
        try withUnsafeTemporaryAllocation(byteCount: size.scratch + 4096, alignment: 16) { memory in
            var scratch = Scratch(memory)
            try withUnsafeTemporaryAllocation(byteCount: size.encoded + 64, alignment: 16) { target in
                let count = try #require(encode(into: target, scratch: &scratch))
                try body(UnsafeRawBufferPointer(rebasing: target[..<count]))
            }
        }
    }
}
