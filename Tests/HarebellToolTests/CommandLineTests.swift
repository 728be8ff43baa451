import AMQP
import ArgumentParser
import Foundation
import Harebell
import HarebellDevelopment
import HarebellHost
import HarebellOperations
import HarebellRabbitMQ
import LoanEvents
import Testing

@testable import HarebellTool

@Suite struct CommandLineTests {
    private func exitCode(_ arguments: [String]) -> Int32? {
        do {
            _ = try HarebellCommand.parseAsRoot(arguments)
            return nil
        } catch {
            return HarebellCommand.exitCode(for: error).rawValue
        }
    }

    @Test(arguments: [
        ["nonsense"], ["queues", "list", "--watch", "--interval", "0"], ["dlq", "replay"],
        ["dlq", "replay", "--all", "abcdefgh"], ["dlq", "list", "--unrouted", "--service", "partner"],
        ["dlq", "replay", "abc"], ["dlq", "list", "--limit", "0"], ["dlq", "list", "--service", "a.b"],
        ["publish", "loan.created", "--data", "{}", "--count", "0"],
        ["publish", "loan.created", "--data", "{}", "--rate", "-1"],
        ["publish", "loan.created", "--data", "{}", "--count", "2", "--id", "x"], ["publish", "loan.created"],
        ["queues", "list", "-o", "xml"], ["services", "pause"], ["services", "pause", "--all", "email"],
        ["services", "prefetch", "email"], ["services", "prefetch", "0", "email"],
        ["services", "prefetch", "65536", "--all"], ["services", "restart", "email"],
    ])
    func `a wrong command line is exit code 64`(arguments: [String]) {
        #expect(exitCode(arguments) == 64)
    }

    @Test(arguments: [
        ["queues"], ["queues", "list", "--watch", "email"], ["queues", "list", "-w", "--interval", "0.5"],
        ["dlq", "list", "-s", "partner", "-o", "json"], ["dlq", "replay", "--all", "--unrouted"],
        ["dlq", "replay", "--all", "--service", "partner", "--yes"], ["topology", "verify"],
        ["topology", "show", "--service", "audit", "--subscribes", "loan.paid-out"],
        ["publish", "loan.created", "-d", "@file", "--count", "5", "--rate", "2.5"],
        ["services"], ["services", "list", "-o", "wide"], ["services", "pause", "email", "pdf"],
        ["services", "drain", "--all", "--status-url", "http://127.0.0.1:1", "--status-url", "http://[::1]:2"],
        ["services", "prefetch", "50", "email", "-o", "json"],
    ])
    func `a right command line is taken`(arguments: [String]) {
        #expect(exitCode(arguments) == nil)
    }

    @Test func `every command explains itself`() {
        for arguments in [[], ["dev"], ["publish"], ["queues", "list"], ["topology", "apply"], ["dlq", "replay"]] {
            let help = HarebellCommand.helpMessage(for: HarebellCommand.self)
            #expect(help.contains("Exit codes"), "\(arguments)")
        }
    }

    private func problems(_ flags: [String: String?], _ environment: [String: String] = [:]) async -> String {
        do {
            _ = try await BrokerTarget.resolve(flags: flags, environment: environment)
            return ""
        } catch {
            let failure = ToolFailure(error)
            #expect(failure?.exitCode == ExitStatus.usage)
            return failure?.text ?? ""
        }
    }

    @Test func `a password on the command line is refused with advice`() async {
        let problems = await problems(["url": "amqps://me:secret@broker/x"])
        #expect(problems.contains("HAREBELL_URL") && problems.contains("--password-file"))
        #expect(!problems.contains("secret"))
    }

    @Test func `the environment names the broker, and a flag overrides it`() async throws {
        let environment = ["HAREBELL_URL": "amqp://me:secret@one/x"]
        let one = try await BrokerTarget.resolve(flags: [:], environment: environment)
        #expect(one.configuration.hosts.first?.name == "one")
        let two = try await BrokerTarget.resolve(flags: ["url": "amqp://two"], environment: environment)
        #expect(two.configuration.hosts.first?.name == "two")
    }

    @Test func `password, certificates and file mean what they mean to a service`() async throws {
        let folder = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(folder) }
        let (file, password) = (folder + "/settings.json", folder + "/password")
        try Data(#"{"url": "amqps://me@three/shop", "serverName": "rabbit", "management": "https://three:15671"}"#.utf8)
            .write(to: URL(filePath: file))
        try Data("s3cret\n".utf8).write(to: URL(filePath: password))
        let target = try await BrokerTarget.resolve(
            flags: ["passwordFile": password, "caFile": password], file: file, environment: [:])
        #expect(target.configuration.credentials == .plain(username: "me", password: "s3cret"))
        #expect(target.configuration.hosts.first?.name == "three" && target.configuration.virtualHost == "shop")
        #expect(target.configuration.tls?.serverName == "rabbit" && target.configuration.tls?.caFile == password)
        #expect(target.management != nil)
        let wrong = await problems(["url": "amqp://me@one", "caFile": "/nowhere.pem", "keyFile": nil])
        #expect(wrong.contains("no password is set") && wrong.contains("caFile") && wrong.contains("amqps://"))
    }

    @Test func `the rungs of a topology are those of the services`() async throws {
        let selection = try TopologySelection.parse(["--service", "partner"])
        let topology = try await selection.topology(environment: ["HAREBELL_RETRY_RUNGS": "50ms,1h"])
        let rungs = topology.queues.map(\.name).filter { $0.hasPrefix("partner.retry.") }
        #expect(rungs == ["partner.retry.50ms", "partner.retry.1h"])
        for wrong in ["5", "-1s", "20ms", "5s,1s", "8d"] {
            let selection = try TopologySelection.parse(["--retry-rungs=" + wrong])
            await #expect(throws: SettingsProblems.self, "\(wrong)") { try await selection.topology(environment: [:]) }
        }
    }

    @Test func `a management address that would send the password in clear is refused`() async {
        await #expect(throws: OperationError.self) {
            try await BrokerTarget.resolve(
                flags: ["management": "http://broker.example:15672"],
                environment: ["HAREBELL_URL": "amqp://me:secret@one/x"])
        }
    }

    @Test func `an event is checked before it is published`() throws {
        let valid = Array(
            #"{"loanID":"l1","borrower":{"name":"Åsa","email":"a@example.com"},"amount":{"minorUnits":100,"currency":"SEK"},"occurredAt":"2026-01-02T03:04:05.000Z","reason":"x"}"#
                .utf8)
        let template = try EventTemplate(type: "loan.canceled", data: valid, isValidated: true, partitionKey: nil)
        let envelope = template.envelope(id: nil, correlationID: "c")
        #expect(envelope.partitionKey == "l1")
        #expect(envelope.correlationID == "c")
        #expect(envelope.body == valid)
        #expect(template.envelope(id: nil, correlationID: nil).id != envelope.id)
        let error = #expect(throws: ToolError.self) {
            try EventTemplate(
                type: "loan.canceled", data: Array(#"{"loanID":7}"#.utf8), isValidated: true, partitionKey: nil)
        }
        #expect(error?.description.contains("loanID") == true)
        #expect(throws: ToolError.self) {
            try EventTemplate(type: "loan.unknown", data: valid, isValidated: true, partitionKey: nil)
        }
        #expect(throws: Never.self) {
            try EventTemplate(type: "loan.unknown", data: valid, isValidated: false, partitionKey: nil)
        }
    }

    @Test(
        arguments: [
            (AMQPError.Code.authenticationRefused, nil, 4), (.connectionFailed, nil, 5), (.timedOut, nil, 5),
            (.channelClosed, 403, 4), (.channelClosed, 404, 6), (.nacked, nil, 1),
        ] as [(AMQPError.Code, UInt16?, Int32)])
    func `errors of the broker have the documented exit codes`(code: AMQPError.Code, reply: UInt16?, exit: Int32) {
        #expect(ExitStatus.of(AMQPError(code, "x", replyCode: reply)).rawValue == exit)
    }

    @Test func `a beginning of an id is of one dead letter, or nothing is replayed`() throws {
        let seen: Set<String> = ["01a207708706aa", "01a207708706bb", "01a207709999", "order1", "order12"]
        func resolve(_ ids: [String], limits: [String] = []) throws -> (ids: Set<String>, notFound: [String]) {
            try DeadLetterReplayCommand.resolve(ids, among: seen, limits: limits)
        }
        #expect(try resolve(["01a207708706a"]).ids == ["01a207708706aa"])
        #expect(try resolve(["01a207709", "order12"]).ids == ["01a207709999", "order12"])
        // The whole id of one is the beginning of another.
        #expect(try resolve(["order1"]).ids == ["order1"])
        let error = #expect(throws: ToolError.self) { try resolve(["01a207709", "01a2077087"]) }
        #expect(error?.exitCode == ExitStatus.usage)
        #expect(error?.what == "2 dead letters have ids that begin with '01a2077087'; nothing was done.")
        let missing = try resolve(["ffffffff"], limits: ["the first 1000 of 5000 in email.dead"])
        #expect(missing.ids.isEmpty)
        #expect(
            missing.notFound == [
                "no dead letter begins with 'ffffffff', among the first 1000 of 5000 in email.dead"
            ])
    }
}
