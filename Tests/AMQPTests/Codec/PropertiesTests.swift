import NIOCore
import Testing

@testable import AMQP

@Suite struct PropertiesTests {
    static var full: OutgoingMessage {
        var properties = BasicProperties()
        properties.contentType = "application/json"
        properties.contentEncoding = "identity"
        properties.headers = ["a": 1, "nested": .table(["b": .array(["c", true, .void])]), "d": .double(1.5)]
        properties.deliveryMode = 2
        properties.priority = 9
        properties.correlationID = "correlation"
        properties.replyTo = "reply"
        properties.expiration = "60000"
        properties.messageID = "id"
        properties.timestamp = 1_700_000_000
        properties.type = "loan.created"
        properties.userID = "guest"
        properties.appID = "app"
        properties.clusterID = ""
        return OutgoingMessage(exchange: "e", routingKey: "k", properties: properties, body: [])
    }

    @Test func `all fourteen properties come back`() throws {
        let message = Self.full
        #expect(try BasicProperties(encodedBytes: message.encodedProperties()) == message.properties)
    }

    @Test func `properties that are not set stay so`() throws {
        #expect(try OutgoingMessage.test().encodedProperties() == [0, 0])
        #expect(try BasicProperties(encodedBytes: [0, 0]) == BasicProperties())
        var one = OutgoingMessage.test()
        one.properties.appID = "x"
        #expect(try BasicProperties(encodedBytes: one.encodedProperties()) == one.properties)
    }

    @Test func `a property of 255 bytes is sent and one of 256 refused`() throws {
        var message = OutgoingMessage.test()
        message.properties.messageID = String(repeating: "x", count: 255)
        #expect(try BasicProperties(encodedBytes: message.encodedProperties()) == message.properties)
        message.properties.messageID = String(repeating: "x", count: 256)
        let error = #expect(throws: AMQPError.self) { try message.encodedProperties() }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("message-id") == true)
    }
}

extension BasicProperties {
    init(encodedBytes bytes: [UInt8]) throws(AMQPError) {
        let result: Result<BasicProperties, AMQPError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(AMQPError) in try BasicProperties(encoded: bytes) }
        }
        self = try result.get()
    }
}

extension OutgoingMessage {
    func encodedProperties() throws(AMQPError) -> [UInt8] {
        var writer = FrameWriter()
        writer.frameMax = 131_072
        let range = try writer.write(self, channel: 1)
        return Array(writer.batch.readableBytesView[range])
    }
}
