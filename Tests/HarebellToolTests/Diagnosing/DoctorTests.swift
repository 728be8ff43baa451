import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import TestSupport
import Testing

@testable import HarebellOperations
@testable import HarebellTool

@Suite(.timeLimit(.minutes(2))) struct `The doctor` {
    private func queue(
        _ name: String, _ arguments: String = "{}", policy: String? = nil, definition: String = "{}"
    ) throws -> QueueStatus {
        let text = """
            {"name":"\(name)","type":"quorum","durable":true,"arguments":\(arguments),\
            "policy":\(policy.map { "\"\($0)\"" } ?? "null"),"effective_policy_definition":\(definition)}
            """
        return QueueStatus(try JSONDecoder().decode(QueueReport.self, from: Data(text.utf8)))
    }

    private func findings(_ queue: QueueStatus) throws -> [Finding] {
        Finding.lengthLimits(of: [queue, try self.queue("email.dead"), try self.queue("other")])
    }

    @Test(arguments: ["email", "email.due", "email.retry.5s"])
    func `a limit that drops the oldest messages of a service is a failure`(name: String) throws {
        let finding = try #require(
            findings(queue(name, policy: "short", definition: #"{"max-length":1000,"max-length-bytes":4096}"#)).first)
        #expect(finding.severity == .failed && finding.subject == name)
        for word in ["policy 'short' sets max-length 1000, max-length-bytes 4096", "drop-head", "oldest messages"] {
            #expect(finding.problem.contains(word), "\(word) in \(finding.problem)")
        }
        #expect(finding.advice.contains("reject-publish"))
    }

    @Test(arguments: [
        ("email.dead", "delivery-limit", "looked at 20 times"),
        ("email.dead", "message-ttl", "dropped without a trace"),
        ("email", "message-ttl", "becomes a dead letter"), ("email", "expires", "deletes the queue"),
        ("unrouted", "message-ttl", "dropped without a trace"), ("unrouted", "delivery-limit", "looked at 20 times"),
    ])
    func `a policy that removes what services keep is a failure`(name: String, key: String, words: String) throws {
        let bad = try queue(name, policy: "all", definition: #"{"\#(key)":20}"#)
        let finding = try #require(Finding.removals(of: [bad, try queue("email.dead")]).first)
        #expect(finding.severity == .failed && finding.subject == name)
        #expect(finding.problem.contains("policy 'all' sets \(key) 20") && finding.problem.contains(words))
    }

    @Test func `a policy on other queues, or that removes nothing, is nobody's business`() throws {
        let other = try queue("other", policy: "all", definition: #"{"message-ttl":20}"#)
        let work = try queue("email", policy: "p", definition: #"{"delivery-limit":5}"#)
        #expect(Finding.removals(of: [other, work, try queue("email.dead")]).isEmpty)
    }

    @Test func `dead letters that would be dropped are called so`() throws {
        let letters = try queue("email.dead", #"{"x-max-length":5}"#)
        let finding = try #require(Finding.lengthLimits(of: [letters]).first)
        #expect(finding.severity == .failed)
        #expect(finding.problem.contains("its arguments set max-length 5") && finding.problem.contains("dead letters"))
        let refused = try queue("email.dead", policy: "p", definition: #"{"max-length":5,"overflow":"reject-publish"}"#)
        #expect(Finding.lengthLimits(of: [refused]).map(\.severity) == [.warning])
    }

    @Test func `a queue's own overflow counts before the policy's, and of two limits the smaller`() throws {
        let own = #"{"x-overflow":"reject-publish","x-max-length":7}"#
        let limit = try #require(
            queue("email", own, policy: "p", definition: #"{"max-length":9,"overflow":"drop-head"}"#).lengthLimit)
        #expect(limit.messages == 7 && limit.overflow == "reject-publish" && limit.setBy == "its arguments")
        let finding = try #require(findings(queue("email", own)).first)
        #expect(finding.severity == .warning)
        #expect(finding.problem.contains("every subscriber"))
    }

    @Test func `queues of others, the unrouted events and queues without a limit are left alone`() throws {
        let limit = #"{"x-max-length":100000}"#
        for name in ["unrouted", "other", "email.archive", "emails", "my.email.dead"] {
            #expect(try findings(queue(name, limit)).isEmpty, "\(name)")
        }
        #expect(try findings(queue("email", definition: "[]")).isEmpty)
    }

    @Test func `events that nobody subscribed to are a warning, and a failure when the oldest of them are dropped`()
        throws
    {
        func unrouted(_ ready: Int) throws -> [Finding] {
            let text = """
                {"name":"unrouted","type":"quorum","durable":true,"messages_ready":\(ready),\
                "arguments":{"x-max-length":100000,"x-overflow":"drop-head"}}
                """
            let queue = QueueStatus(try JSONDecoder().decode(QueueReport.self, from: Data(text.utf8)))
            return Finding.unroutedEvents(in: [queue, try self.queue("email")])
        }
        #expect(try unrouted(0).isEmpty)
        #expect(Finding.unroutedEvents(in: [try queue("email")]).isEmpty)
        let few = try #require(try unrouted(175).first)
        #expect(
            few.severity == .warning && few.problem.hasPrefix("175 events") && few.problem.hasSuffix("keeps 100000"))
        #expect(few.advice.contains("dlq replay --all --unrouted"))
        let stale = try queue("unrouted")
        #expect(Finding.unroutedEvents(in: [stale], counted: 3).first?.problem.hasPrefix("3 events") == true)
        #expect(Finding.unroutedEvents(in: [stale], counted: 0).isEmpty)
        let full = try #require(try unrouted(100_000).first)
        #expect(full.severity == .failed && full.problem.contains("older ones are dropped"))
    }

    @Test func `what is missing between a service's exchange and its queues is named, with what follows from it`() {
        let email = Topology.service("email", subscribes: ["loan.paid-out", "loan.canceled"])
        var broker = ObservedTopology(exactly: email)
        broker.queues["archive.dead.old"] = broker.queues["email.dead"]
        #expect(Finding.missingRoutes(in: broker).isEmpty)

        broker.bindings = broker.bindings.filter { $0.queue != "email.dead" && $0.routingKey != "retry.5s" }
        broker.bindings.remove(.init(exchange: "unrouted", queue: "unrouted"))
        broker.bindings.remove(.init(exchange: "loan.canceled", queue: "email"))
        #expect(Finding.missingRoutes(in: broker).map(\.subject) == ["email.dead", "email.retry.5s", "unrouted"])
        #expect(
            Finding.missingRoutes(in: broker)[0].problem.contains("with key 'dead': a dead letter cannot be stored"))

        broker.bindings.remove(.init(exchange: "loan.paid-out", queue: "email"))
        #expect(
            Finding.missingRoutes(in: broker).contains {
                $0.subject == "email" && $0.severity == .failed && $0.problem.contains("no event")
            })
        broker.exchanges["email"] = nil
        #expect(Finding.missingRoutes(in: broker).map(\.problem).first?.contains("exchange is missing") == true)
    }

    @Test func `a service's queue that is gone is named, also its dead-letter queue`() {
        var broker = ObservedTopology(exactly: Topology.service("email", subscribes: ["loan.paid-out"]))
        broker.queues["email"] = nil
        broker.queues["email.dead"] = nil
        let found = Finding.missingRoutes(in: broker)
        #expect(found.map(\.subject) == ["email", "email.dead"])
        #expect(found.map(\.severity) == [.failed, .warning])
        broker.exchanges["unrouted"] = nil
        #expect(Finding.missingRoutes(in: broker).contains { $0.subject == "unrouted" })
        // A queue of somebody else's that is called alike.
        let others = ObservedTopology(queues: ["orders.dead": .init(type: "classic", isDurable: true, arguments: [:])])
        #expect(Finding.missingRoutes(in: others).isEmpty)
    }

    @Test func `a queue without a leader is named, if it is a service's`() throws {
        func status(_ name: String, state: String) throws -> QueueStatus {
            let text =
                #"{"name":"\#(name)","type":"quorum","durable":true,"state":\#(state),"arguments":{}}"#
            return QueueStatus(try JSONDecoder().decode(QueueReport.self, from: Data(text.utf8)))
        }
        let queues = try [
            status("email", state: "null"), status("email.dead", state: #""down""#),
            status("email.due", state: #""running""#), status("other", state: "null"),
        ]
        let found = Finding.withoutLeader(queues)
        #expect(found.map(\.subject) == ["email", "email.dead"])
        #expect(found[0].problem.contains("(state -)") && found[1].problem.contains("(state down)"))
    }

    @Test func `what it says is one line each, whatever the broker says`() throws {
        let queue = try queue("email", policy: #"\u001b[2J"#, definition: #"{"max-length":1}"#)
        let lines = DoctorCommand.lines(try findings(queue))
        #expect(lines.count == 2 && lines[0].hasPrefix("✘ email: policy '\\u{1b}[2J' sets max-length 1"))
        #expect(DoctorCommand.summary(try findings(queue), queues: 3) == "1 failed, 0 warnings")
        #expect(DoctorCommand.summary([], queues: 3).hasPrefix("✔"))
    }

    @Test func `a policy on a real broker is found, with the queue it is on`() async throws {
        try await withVirtualHost { host, url in
            let configuration = try AMQPConfiguration(uri: url)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            try await Topology.service("partner", subscribes: ["loan.created"]).apply(
                on: connection, logger: quietLogger)
            await connection.close()
            let management = try ManagementAPI(
                url: try #require(host.broker.managementURL), credentials: configuration.credentials,
                virtualHost: configuration.virtualHost)
            #expect(Finding.lengthLimits(of: try await management.queues()).isEmpty)
            #expect(Finding.missingRoutes(in: try await management.observedTopology()).isEmpty)
            try await eventually("every queue has a leader", within: .seconds(30)) {
                Finding.withoutLeader(try await management.queues()).isEmpty
            }

            try await host.broker.setPolicy("short", pattern: "\\.dead$", limits: ["max-length": 10], in: host.name)
            // The broker collects what its management API says.
            let finding = try await eventualValue("the finding", within: .seconds(30)) {
                Finding.lengthLimits(of: try await management.queues()).first
            }
            #expect(finding.subject == "partner.dead" && finding.severity == .failed, "\(finding)")
            #expect(finding.problem.contains("policy 'short' sets max-length 10 with overflow drop-head"), "\(finding)")

            try await host.broker.setPolicy(
                "short", pattern: "^partner$", limits: ["max-length-bytes": 4_096], overflow: "reject-publish",
                in: host.name)
            try await eventually("the other finding", within: .seconds(30)) {
                let findings = Finding.lengthLimits(of: try await management.queues())
                return findings.map(\.subject) == ["partner"] && findings.first?.severity == .warning
            }
        }
    }

    @Test func `an alarm is named with its node and what is used up`() async throws {
        try await withPrivateBroker { broker in
            let management = try ManagementAPI(
                url: try #require(broker.managementURL),
                credentials: try AMQPConfiguration(uri: broker.url).credentials, virtualHost: "/")
            #expect(try await management.alarms().isEmpty)
            try await broker.control("set_vm_memory_high_watermark", "absolute", "1")
            let alarms = try await eventualValue("the alarm", within: .seconds(30)) {
                let alarms = try await management.alarms()
                return alarms.isEmpty ? nil : alarms
            }
            #expect(alarms.map(\.resource) == ["memory"])
            let finding = try #require(Finding.alarms(alarms).first)
            #expect(finding.severity == .warning && finding.subject == "harebell@localhost", "\(finding)")
            #expect(finding.problem.hasPrefix("memory alarm: "))
        }
    }
}
