import AMQP
import FoundationEssentials
import Harebell
import Testing

@testable import HarebellRabbitMQ

@Suite struct RepublishedCopyTests {
    @Test func `what the broker wrote and what routes or impersonates is left behind`() {
        var original = BasicProperties()
        original.userID = "mallory"
        original.expiration = "1"
        original.priority = 9
        original.replyTo = "q"
        original.messageID = "m"
        for name in [
            "x-death", "x-first-death-queue", "x-last-death-reason", "x-delivery-count", "x-acquired-count", "CC",
            "BCC",
        ] {
            original.headers[name] = "v"
        }
        original.headers["tenant"] = "acme"
        let copy = RepublishedCopy.properties(of: original, changes: [])
        #expect(copy.userID == nil)
        #expect(copy.expiration == nil)
        #expect(copy.priority == nil)
        #expect(copy.replyTo == nil)
        #expect(copy.messageID == "m")
        #expect(copy.deliveryMode == 2)
        #expect(Array(copy.headers.keys) == ["tenant"])
    }

    @Test func `a header over 8 KiB, or too deep, is dropped and named`() {
        var original = BasicProperties()
        original.headers["big"] = .string(String(repeating: "a", count: 9_000))
        var deep = FieldValue.void
        for _ in 0..<9 { deep = .array([deep]) }
        original.headers["deep"] = deep
        original.headers["small"] = "s"
        let copy = RepublishedCopy.properties(of: original, changes: [])
        #expect(copy.headers["small"] == "s")
        #expect(copy.headers["harebell-headers-dropped"] == "big,deep")
    }

    @Test func `all foreign headers together stay within 64 KiB`() {
        var original = BasicProperties()
        for index in 0..<20 { original.headers["h\(index)"] = .string(String(repeating: "a", count: 8_000)) }
        let copy = RepublishedCopy.properties(of: original, changes: [])
        let size = copy.headers.reduce(0) { $0 + $1.0.utf8.count + $1.1.encodedSize }
        #expect(size <= 64 * 1024 + 2_048)
        #expect(copy.headers["harebell-headers-dropped"] != nil)
    }

    @Test func `foreign headers that fill the budget push none of ours out`() {
        var original = BasicProperties()
        for index in 0..<20 { original.headers["h\(index)"] = .string(String(repeating: "a", count: 8_000)) }
        original.headers["harebell-attempt"] = .int64(4)
        original.headers["harebell-not-before"] = .int64(1_800_000_000_000)
        let copy = RepublishedCopy.properties(of: original, changes: [])
        #expect(copy.headers["harebell-attempt"] == .int64(4))
        #expect(copy.headers["harebell-not-before"] == .int64(1_800_000_000_000))
    }

    @Test func `properties that cannot be decoded give a copy that says so`() {
        let copy = RepublishedCopy.properties(of: nil, changes: [("harebell-reason", "poison")])
        #expect(copy.headers["harebell-headers-dropped"] == "*")
        #expect(copy.headers["harebell-reason"] == "poison")
    }

    @Test func `text is cut on character boundaries`() {
        #expect("åäö".prefix(utf8Bytes: 3) == "å")
        #expect("👨‍👩‍👧x".prefix(utf8Bytes: 5) == "")
        #expect("abc".prefix(utf8Bytes: 3) == "abc")
    }

    @Test func `retry headers are believed only from the service's own exchange`() {
        var properties = BasicProperties()
        properties.headers["harebell-attempt"] = .int64(7)
        properties.headers["harebell-not-before"] = .int64(Timestamp.milliseconds(Date()) + 60_000)
        let forged = RetryState(properties: properties, exchange: "loan.paid-out", isOwn: false)
        #expect(forged.attempts == 0)
        #expect(forged.notBefore == nil)
        let own = RetryState(properties: properties, exchange: "email", isOwn: true)
        #expect(own.attempts == 7)
        #expect(own.remaining() > .seconds(50))
    }

    @Test func `a message is not due within the millisecond before its time`() {
        var properties = BasicProperties()
        for due in Int64(1_790_000_000_000)..<1_790_000_002_000 {
            properties.headers["harebell-not-before"] = .int64(due)
            let state = RetryState(properties: properties, exchange: "email", isOwn: true)
            for early in [0.05, 0.3, 0.9] {
                let now = Date(timeIntervalSince1970: (Double(due) - early) / 1_000)
                #expect(state.remaining(now: now) > .zero, "\(early) ms before")
            }
            #expect(state.remaining(now: Date(timeIntervalSince1970: (Double(due) + 0.5) / 1_000)) == .zero)
        }
    }

    @Test func `a not-before in a far future parks nothing`() {
        var properties = BasicProperties()
        properties.headers["harebell-not-before"] = .int64(.max)
        #expect(RetryState(properties: properties, exchange: "email", isOwn: true).notBefore == nil)
    }

    @Test func `a replay starts the attempts over, keeps the first failure and counts itself`() {
        var properties = BasicProperties()
        properties.messageID = "m"
        properties.headers = [
            "harebell-attempt": .int64(10), "harebell-reason": "exhausted", "harebell-error-type": "E",
            "harebell-first-failed-at": "2026-01-02T03:04:05.000Z", "harebell-replay-count": .int64(1),
            "harebell-origin-exchange": "loan.paid-out", "tenant": "acme",
        ]
        let letter = DeadLetter(properties: properties, body: [1, 2, 3])
        let message = letter.replayMessage(to: "partner")
        #expect(message.exchange == "partner")
        #expect(message.routingKey == "due")
        #expect(message.body == [1, 2, 3])
        #expect(message.properties.messageID == "m")
        let headers = message.properties.headers
        #expect(headers["harebell-attempt"] == nil)
        #expect(headers["harebell-reason"] == nil)
        #expect(headers["harebell-error-type"] == nil)
        #expect(headers["harebell-first-failed-at"] == "2026-01-02T03:04:05.000Z")
        #expect(headers["harebell-replay-count"]?.integerValue == 2)
        #expect(headers["tenant"] == "acme")
    }

    @Test(arguments: [
        ("delivery_limit", "crash"), ("expired", "expired"), ("rejected", "broker"), ("maxlen", "broker"),
    ])
    func `a dead letter that the broker moved is explained by its newest death`(word: String, reason: String) {
        var properties = BasicProperties()
        properties.headers["x-death"] = .array([
            .table(["reason": .string(word), "exchange": "loan.paid-out", "time": .timestamp(1_763_900_000)])
        ])
        let letter = DeadLetter(properties: properties, body: [])
        #expect(letter.reason.rawValue == reason)
        #expect(letter.originExchange == "loan.paid-out")
        #expect(letter.failedAt == Date(timeIntervalSince1970: 1_763_900_000))
    }

    @Test func `a forged x-death never hides the service's own reason`() {
        var properties = BasicProperties()
        properties.headers["x-death"] = "nonsense"
        properties.headers["harebell-reason"] = "permanent"
        #expect(DeadLetter(properties: properties, body: []).reason.rawValue == "permanent")
    }
}
