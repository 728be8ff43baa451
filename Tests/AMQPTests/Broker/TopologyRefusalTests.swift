import HarebellDevelopment
import TestSupport
import Testing

@testable import AMQP

/// What was tried on a channel of its own, and how its refusal is told.
func refusal(
    on connection: AMQPConnection, confirms: Bool = false, _ body: (AMQPChannel) async throws -> Void
) async throws -> String? {
    let channel = try await connection.openChannel(confirms: confirms)
    return await failure { try await body(channel) }?.description
}

/// What a real broker refuses of exchanges, queues and messages.
@Suite(.timeLimit(.minutes(3))) struct `Refusals of exchanges, queues and messages` {
    @Test func `what is not there, and what is another's`() async throws {
        try await withVirtualHost { host, url in
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let other = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let place = "in virtual host \"\(host.name)\""
            #expect(
                try await refusal(on: connection, confirms: true) { try await $0.publish(.test(exchange: "nowhere")) }
                    == "404 NOT_FOUND: there is no exchange \"nowhere\" \(place): declare it first, or check the name")
            #expect(
                try await refusal(on: connection) { _ = try await $0.get("o'brien's") }
                    == "404 NOT_FOUND: there is no queue \"o'brien's\" \(place): declare it first, or check the name")
            #expect(
                try await refusal(on: connection, confirms: true) {
                    try await $0.publish(.test(exchange: "", key: "nowhere\nelse"))
                } == "312 NO_ROUTE: there is no queue \"nowhere?else\" for the default exchange: declare and bind one, "
                    + "or publish with mandatory off")
            #expect(
                try await refusal(on: connection, confirms: true) {
                    try await $0.publish(.test(exchange: "amq.fanout", key: "k"))
                } == "312 NO_ROUTE: no queue takes messages of exchange \"amq.fanout\" with routing key \"k\": declare "
                    + "and bind one, or publish with mandatory off")
            let setup = try await connection.openChannel()
            try await setup.declareQueue("mine", durable: false, exclusive: true)
            #expect(
                try await refusal(on: other) { try await $0.purgeQueue("mine") }
                    == "405 RESOURCE_LOCKED: queue \"mine\" \(place) is exclusive to another connection: use another "
                    + "name, or close that one")
            let consumer = try await setup.consume("mine", prefetch: 1, exclusive: true)
            #expect(
                try await refusal(on: connection) { _ = try await $0.consume("mine", prefetch: 1) }
                    == "403 ACCESS_REFUSED: queue \"mine\" \(place) has an exclusive consumer: stop that one first")
            await consumer.cancel()
            try await setup.declareExchange("inside", type: .fanout, internal: true)
            #expect(
                try await refusal(on: connection, confirms: true) { try await $0.publish(.test(exchange: "inside")) }
                    == "403 ACCESS_REFUSED: exchange \"inside\" \(place) is internal: publish to an exchange that is "
                    + "bound to it")
            #expect(
                try await refusal(on: connection) { try await $0.declareQueue("amq.mine") }?.contains(
                    "choose another name, those with amq. belong to the broker") == true)
            try await setup.declareQueue("log", arguments: ["x-queue-type": "stream"])
            #expect(
                try await refusal(on: connection) { _ = try await $0.get("log") }?.hasPrefix(
                    "540 NOT_IMPLEMENTED: this broker cannot do it: basic.get not supported by stream queues") == true)
            await connection.close()
            await other.close()
        }
    }

    @Test func `preconditions`() async throws {
        try await withVirtualHost { host, url in
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let place = "in virtual host \"\(host.name)\""
            let setup = try await connection.openChannel(confirms: true)
            try await setup.declareQueue("email", arguments: ["x-max-length": 10])
            try await setup.declareExchange("events", type: .fanout)
            try await setup.publish(.test(exchange: "", key: "email"))
            let differing = try await refusal(on: connection) {
                try await $0.declareQueue("email", arguments: ["x-max-length": 11])
            }
            #expect(
                differing
                    == "406 PRECONDITION_FAILED: queue \"email\" \(place) exists with another x-max-length: received "
                    + "'11' but current is '10': declare it as it is, or delete it first")
            #expect(
                try await refusal(on: connection) { try await $0.declareExchange("events", type: .direct) }
                    == "406 PRECONDITION_FAILED: exchange \"events\" \(place) exists with another type: received "
                    + "'direct' but current is 'fanout': declare it as it is, or delete it first")
            #expect(
                try await refusal(on: connection) { try await $0.declareQueue("q", arguments: ["x-max-length": -1]) }
                    == "406 PRECONDITION_FAILED: queue \"q\" \(place) cannot have this value of the argument "
                    + "x-max-length: value negative, -1: correct it")
            #expect(
                try await refusal(on: connection) {
                    try await $0.declareQueue("q", arguments: ["x-queue-type": "quorum", "x-max-priority": 3])
                }?.contains("queue \"q\" \(place) cannot have the argument x-max-priority, which ") == true)
            #expect(
                try await refusal(on: connection) {
                    try await $0.declareQueue("q", durable: false, arguments: ["x-queue-type": "quorum"])
                }
                    == "406 PRECONDITION_FAILED: queue \"q\" \(place) cannot be non-durable: its type does not support that"
            )
            #expect(
                try await refusal(on: connection) { try await $0.deleteQueue("email", ifEmpty: true) }
                    == "406 PRECONDITION_FAILED: queue \"email\" \(place) is not empty: it was to be deleted only if empty"
            )
            try await setup.bindQueue("email", to: "events")
            #expect(
                try await refusal(on: connection) { try await $0.deleteExchange("events", ifUnused: true) }
                    == "406 PRECONDITION_FAILED: exchange \"events\" \(place) is in use: it was to be deleted only if "
                    + "unused")
            var message = OutgoingMessage.test(exchange: "", key: "email")
            message.properties.userID = "mallory"
            #expect(
                try await refusal(on: connection, confirms: true) { try await $0.publish(message) }
                    == "406 PRECONDITION_FAILED: the message says that user \"mallory\" published it, but it is user "
                    + "\"\(host.broker.user)\": leave the user id out, or log in as that user")
            message.properties.userID = nil
            message.properties.expiration = "soon"
            #expect(
                try await refusal(on: connection, confirms: true) { try await $0.publish(message) }?.hasPrefix(
                    "406 PRECONDITION_FAILED: the message's expiration \"soon\" is no number of milliseconds") == true)
            let channel = try await connection.openChannel()
            connection.core.perform { machine in
                machine.out.send(.basicAck(tag: 99, multiple: false), channel: channel.id.number)
                machine.wantWake()
            }
            #expect(
                await channel.waitUntilClosed()?.description
                    == "406 PRECONDITION_FAILED: unknown delivery tag 99: a delivery is settled once, and on the channel "
                    + "that it came on")
            await connection.close()
        }
    }
}
