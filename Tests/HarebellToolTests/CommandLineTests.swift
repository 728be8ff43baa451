import AMQP
import ArgumentParser
import Foundation
import Harebell
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
        ["dlq", "replay", "--all", "abcdefgh"],
        ["dlq", "replay", "abc"], ["dlq", "list", "--limit", "0"], ["dlq", "list", "--service", "a.b"],
        ["publish", "loan.created", "--data", "{}", "--count", "0"],
        ["publish", "loan.created", "--data", "{}", "--rate", "-1"],
        ["publish", "loan.created", "--data", "{}", "--count", "2", "--id", "x"], ["publish", "loan.created"],
        ["queues", "list", "-o", "xml"],
    ])
    func `a wrong command line is exit code 64`(arguments: [String]) {
        #expect(exitCode(arguments) == 64)
    }

    @Test(arguments: [
        ["queues"], ["queues", "list", "--watch", "email"], ["queues", "list", "-w", "--interval", "0.5"],
        ["dlq", "list", "-s", "partner", "-o", "json"],
        ["dlq", "replay", "--all", "--service", "partner", "--yes"], ["topology", "verify"],
        ["topology", "show", "--service", "audit", "--subscribes", "loan.paid-out"],
        ["publish", "loan.created", "-d", "@file", "--count", "5", "--rate", "2.5"],
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

    @Test func `a password on the command line is refused with advice`() throws {
        let error = #expect(throws: ToolError.self) {
            try BrokerTarget.resolve(
                url: "amqps://me:secret@broker/x", management: nil, passwordFile: nil, caFile: nil, environment: [:])
        }
        #expect(error?.description.contains("HAREBELL_URL") == true)
        #expect(error?.description.contains("secret") == false)
        #expect(error?.exitCode == ExitStatus.usage)
    }

    @Test func `the environment names the broker, and a flag overrides it`() throws {
        let environment = ["HAREBELL_URL": "amqp://me:secret@one/x"]
        let one = try BrokerTarget.resolve(
            url: nil, management: nil, passwordFile: nil, caFile: nil, environment: environment)
        #expect(one.configuration.hosts.first?.name == "one")
        let two = try BrokerTarget.resolve(
            url: "amqp://two", management: nil, passwordFile: nil, caFile: nil, environment: environment)
        #expect(two.configuration.hosts.first?.name == "two")
    }

    @Test func `a management address that would send the password in clear is refused`() {
        #expect(throws: (any Error).self) {
            try BrokerTarget.resolve(
                url: nil, management: "http://broker.example:15672", passwordFile: nil, caFile: nil,
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

    @Test(arguments: [("500ms", 500), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000)])
    func `delays are read`(text: String, milliseconds: Int) {
        #expect(Duration(rungText: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "5", "s", "-1s", "1.5s", "99999999999999999999s", "1d"])
    func `what is no delay is refused`(text: String) {
        #expect(Duration(rungText: text) == nil)
    }

    @Test(
        arguments: [
            (AMQPError.Code.authenticationRefused, nil, 4), (.connectionFailed, nil, 5), (.timedOut, nil, 5),
            (.channelClosed, 403, 4), (.channelClosed, 404, 6), (.nacked, nil, 1),
        ] as [(AMQPError.Code, UInt16?, Int32)])
    func `errors of the broker have the documented exit codes`(code: AMQPError.Code, reply: UInt16?, exit: Int32) {
        #expect(ExitStatus.of(AMQPError(code, "x", replyCode: reply)).rawValue == exit)
    }
}
