import AMQP
import FoundationEssentials
import Harebell
import Testing

@testable import HarebellRabbitMQ

@Suite struct EnvelopeWireTests {
    let envelope = Envelope(
        id: EventID("0199c3a1-0000-7000-8000-000000000001"), type: "loan.paid-out", source: "/payout",
        time: Date(timeIntervalSince1970: 1_763_900_000.125), subject: "loan-1", partitionKey: "loan-1", sequence: "7",
        dataSchema: "https://example.com/schema", correlationID: "c-1", causationID: "cause-1",
        trace: TraceContext(traceparent: "00-a-b-01", tracestate: "x=1", baggage: "k=v"), producer: "payout",
        body: Array(#"{"amount":1}"#.utf8))

    private func receive(
        _ properties: BasicProperties, body: [UInt8] = [], exchange: String = "loan.paid-out", isOwn: Bool = false
    ) throws(MalformedMessage) -> Envelope {
        try ReceivedMessage(exchange: exchange, properties: properties, body: body, isOwn: isOwn)
            .envelope(now: Date(timeIntervalSince1970: 1))
    }

    @Test func `an event comes out as it went in`() throws {
        #expect(try receive(envelope.basicProperties, body: envelope.body) == envelope)
    }

    @Test(arguments: [0, 1, 122, 123, 499, 999])
    func `a time keeps its millisecond`(millisecond: Int) {
        let date = Date(timeIntervalSince1970: 1_763_900_000 + Double(millisecond) / 1_000)
        let text = Timestamp.format(date)
        #expect(text.hasSuffix(".\(String(repeating: "0", count: 3 - String(millisecond).count))\(millisecond)Z"))
        #expect(Timestamp.parse(text).map(Timestamp.format) == text)
    }

    @Test func `an event's time is the same after it has travelled`() throws {
        struct Tick: Event { static let eventType: EventType = "test.tick" }
        for milliseconds in 0..<2_000 {
            let time = Date(timeIntervalSince1970: 1_790_000_000 + Double(milliseconds) / 1_000)
            let sent = try Envelope(Tick(), producer: "p", time: time)
            #expect(Timestamp.parse(Timestamp.format(sent.time)) == sent.time)
        }
    }

    @Test func `properties are those of the design`() {
        let properties = envelope.basicProperties
        #expect(properties.messageID == envelope.id.rawValue)
        #expect(properties.type == "loan.paid-out")
        #expect(properties.appID == "payout")
        #expect(properties.deliveryMode == 2)
        #expect(properties.timestamp == 1_763_900_000)
        #expect(properties.headers["cloudEvents_specversion"] == "1.0")
        #expect(properties.headers["cloudEvents_time"] == "2025-11-23T12:13:20.125Z")
        #expect(properties.headers.keys.allSatisfy { !$0.hasPrefix("x-") })
    }

    @Test(arguments: ["cloudEvents_", "cloudEvents:", "ce-", "ce_"])
    func `foreign spellings of CloudEvents are read`(prefix: String) throws {
        var properties = BasicProperties()
        properties.headers[prefix + "id"] = "e1"
        properties.headers[prefix + "type"] = "loan.created"
        properties.headers[prefix + "source"] = "/bank"
        properties.headers[prefix + "specversion"] = "1.0"
        properties.headers[prefix + "partitionkey"] = "k"
        let read = try receive(properties)
        #expect(read.id.rawValue == "e1")
        #expect(read.type.rawValue == "loan.created")
        #expect(read.source == "/bank")
        #expect(read.partitionKey == "k")
    }

    @Test func `a message without CloudEvents takes its type from the property, else from the exchange`() throws {
        var properties = BasicProperties()
        properties.messageID = "m1"
        #expect(try receive(properties).type.rawValue == "loan.paid-out")
        properties.type = "loan.created"
        let read = try receive(properties)
        #expect(read.type.rawValue == "loan.created")
        #expect(read.id.rawValue == "m1")
        #expect(read.correlationID == "m1")
    }

    @Test func `the origin exchange names the type only on the service's own deliveries`() throws {
        var properties = BasicProperties()
        properties.headers["harebell-origin-exchange"] = "loan.canceled"
        #expect(try receive(properties, exchange: "email", isOwn: true).type.rawValue == "loan.canceled")
        #expect(try receive(properties, exchange: "loan.paid-out").type.rawValue == "loan.paid-out")
    }

    @Test func `a structured event keeps the bytes of its data`() throws {
        var properties = BasicProperties()
        properties.contentType = "application/cloudevents+json; charset=utf-8"
        let body =
            #"{"specversion":"1.0","id":"s1","source":"/s","type":"loan.created","x":[{"data":1}], "data" : {"amount": 12345678901234567890.10, "t":"}\""} ,"time":"2026-01-02T03:04:05Z","partitionkey":"p"}"#
        let read = try receive(properties, body: Array(body.utf8))
        #expect(read.id.rawValue == "s1")
        #expect(read.partitionKey == "p")
        #expect(String(decoding: read.body, as: UTF8.self) == #"{"amount": 12345678901234567890.10, "t":"}\""}"#)
    }

    @Test func `a structured event with base64 data is decoded`() throws {
        var properties = BasicProperties()
        properties.contentType = "application/cloudevents+json"
        let body = #"{"specversion":"1.0","id":"s1","source":"/s","type":"a.b","data_base64":"AQID"}"#
        #expect(try receive(properties, body: Array(body.utf8)).body == [1, 2, 3])
    }

    @Test(arguments: [
        "", "[]", "{", #"{"specversion":"1.0"}"#, #"{"specversion":"2.0","id":"a","source":"b","type":"c"}"#,
    ])
    func `what is not a structured event is malformed, and its content is not quoted`(body: String) {
        var properties = BasicProperties()
        properties.contentType = "application/cloudevents+json"
        #expect(throws: MalformedMessage.self) { try receive(properties, body: Array(body.utf8)) }
    }

    @Test func `another version of CloudEvents is malformed`() {
        var properties = envelope.basicProperties
        properties.headers["cloudEvents_specversion"] = "0.3"
        #expect(throws: MalformedMessage.self) { try receive(properties) }
    }

    @Test func `an impossible timestamp is ignored`() throws {
        var properties = BasicProperties()
        properties.timestamp = .max
        #expect(try receive(properties).time == Date(timeIntervalSince1970: 1))
    }

    @Test func `a member is found without decoding its value`() {
        let json = Array(#" {"a":[1,{"data":2}],"b":"data","data":-1.5e3 , "c":null}"#.utf8)
        let range = JSONMember.find("data", in: json)
        #expect(range.map { String(decoding: json[$0], as: UTF8.self) } == "-1.5e3")
        #expect(JSONMember.find("z", in: json) == nil)
        #expect(JSONMember.find("a", in: Array("{\"a".utf8)) == nil)
        #expect(JSONMember.find("a", in: Array(repeating: UInt8(ascii: "["), count: 100_000)) == nil)
    }
}
