import AMQP
import Harebell
import TestSupport
import Testing

@testable import HarebellRabbitMQ

@Suite struct TopologyTests {
    let email = Topology.service("email", subscribes: ["loan.paid-out", "loan.canceled"])

    @Test func `a service has its work, due, dead and rung queues`() {
        #expect(
            email.queues.map(\.name) == [
                "unrouted", "email.dead", "email.due", "email.retry.1s", "email.retry.5s", "email.retry.30s",
                "email.retry.2m", "email.retry.10m", "email.retry.1h", "email",
            ])
    }

    @Test func `publisher and subscriber declare an event's exchange alike`() {
        let published = Topology.events(["loan.paid-out"])
        let subscribed = email.exchanges.first { $0.name == "loan.paid-out" }
        #expect(published.exchanges.first { $0.name == "loan.paid-out" } == subscribed)
        #expect(published.queues.first == email.queues.first)
    }

    @Test func `every queue is a quorum queue with a delivery limit`() {
        for queue in email.queues {
            #expect(queue.arguments["x-queue-type"] == "quorum")
            #expect((queue.arguments["x-delivery-limit"]?.integerValue ?? 0) >= 20)
        }
    }

    @Test func `work, due and rungs have no length limit and dead-letter at least once`() {
        for queue in email.queues where queue.name != "unrouted" && queue.name != "email.dead" {
            #expect(queue.arguments["x-max-length"] == nil)
            #expect(queue.arguments["x-dead-letter-strategy"] == "at-least-once")
            #expect(queue.arguments["x-overflow"] == "reject-publish")
            #expect(queue.arguments["x-dead-letter-exchange"] == "email")
        }
    }

    @Test func `the dead-letter queue keeps its messages`() {
        let dead = email.queues.first { $0.name == "email.dead" }
        #expect(dead?.arguments["x-message-ttl"] == nil)
        #expect(dead?.arguments["x-delivery-limit"]?.integerValue == 1_000_000)
    }

    @Test func `what a failure needs is made before events flow`() {
        #expect(
            email.queues.map(\.name).firstIndex(of: "email.dead")! < email.queues.map(\.name).firstIndex(of: "email")!)
        #expect(email.bindings.last?.exchange == "loan.canceled")
    }

    @Test func `a broker that has it all has no differences`() {
        #expect(email.differences(from: ObservedTopology(exactly: email)).isEmpty)
    }

    @Test func `a missing queue, a changed argument and a stale binding are named`() {
        var broker = ObservedTopology(exactly: email)
        broker.queues["email.due"] = nil
        broker.queues["email.retry.5s"]?.arguments["x-message-ttl"] = .int64(6_000)
        broker.queues["email"]?.arguments["x-delivery-limit"] = .int64(10)
        broker.bindings.insert(.init(exchange: "loan.created", queue: "email"))
        let found = email.differences(from: broker)
        #expect(
            found.map(\.description) == [
                "+ queue 'email.due'",
                "~ queue 'email.retry.5s'  x-message-ttl  6000 -> 5000",
                "! queue 'email'  x-delivery-limit  10 -> 20",
                "- binding of queue 'email' to exchange 'loan.created'",
            ])
    }

    @Test func `the binding that is there while a topology is applied is no difference`() {
        var broker = ObservedTopology(exactly: email)
        broker.bindings.insert(.init(exchange: "loan.canceled", queue: "email", routingKey: Topology.settlingKey))
        #expect(email.differences(from: broker).isEmpty)
    }

    @Test func `the broker's refusal is read field by field`() {
        let reply =
            "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'email.retry.5s' in vhost '/': "
            + "received the value '5000' of type 'signedint' but current is the value '6000' of type 'signedint'"
        let mismatch = TopologyError.Mismatch(parsing: reply)
        #expect(mismatch?.argument == "x-message-ttl")
        #expect(mismatch?.wanted == "5000")
        #expect(mismatch?.existing == "6000")
        let missing = TopologyError.Mismatch(
            parsing: "PRECONDITION_FAILED - inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': "
                + "received the value 'email' of type 'longstr' but current is none")
        #expect(missing?.existing == "none")
        let type = TopologyError.Mismatch(
            parsing:
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/': received 'direct' but current is 'fanout'"
        )
        #expect(type?.argument == "type")
        #expect(type?.wanted == "direct")
        #expect(type?.existing == "fanout")
        #expect(TopologyError.Mismatch(parsing: "NOT_FOUND - no exchange 'x' in vhost '/'") == nil)
    }

    @Test func `permissions are those of the design`() {
        let email = EndpointDescription(service: "email", subscribes: ["loan.paid-out"], publishes: ["mail.sent"])
        let declaring = BrokerPermissions(declaring: email)
        #expect(declaring.configure == "^(email(\\..*)?|unrouted|loan\\.paid-out|mail\\.sent)$")
        #expect(declaring.write == "^(email(\\..*)?|unrouted|mail\\.sent)$")
        let running = BrokerPermissions(running: email)
        #expect(running.configure == "^$")
        #expect(running.write == "^(email|mail\\.sent)$")
        #expect(running.read == "^email(\\.due)?$")
    }
}
