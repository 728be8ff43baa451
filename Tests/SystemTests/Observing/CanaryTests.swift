import AMQP
import Harebell
import HarebellRabbitMQ
import LoanEvents
import TestSupport
import Testing

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A secret that somebody would find, in every credential of every executable, right ones and wrong ones, at the most
/// talkative level.
///
/// That the right ones of the whole system appear nowhere is in the test of its traces.
@Suite(.timeLimit(.minutes(3))) struct `A canary in every credential` {
    private let canary = "S3cr3tCANARY" + uniqueName("x").filter(\.isLetter)

    /// What every executable can be given.
    private func secrets(port: Int, endpoint: String = "http://127.0.0.1:1") -> [String: String] {
        [
            "HAREBELL_URL": "amqp://nobody:\(canary)@127.0.0.1:\(port)/", "HAREBELL_LOG_LEVEL": "trace",
            "HAREBELL_MANAGEMENT": "http://127.0.0.1:1", "HAREBELL_SMTP_URL": "smtp://127.0.0.1:1",
            "HAREBELL_SMTP_STARTTLS": "none", "HAREBELL_SMTP_USERNAME": "loans", "HAREBELL_SMTP_PASSWORD": canary,
            "HAREBELL_MAIL_FROM": "loans@example.org", "HAREBELL_PARTNER_URL": "http://127.0.0.1:1/loans",
            "HAREBELL_PARTNER_SECRET": "whsec_" + Data((canary + canary).utf8).base64EncodedString(),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20\(canary)",
            "HAREBELL_STATUS_PORT": "0",
        ]
    }

    private func expectNothing(in command: Command, _ what: String) {
        let encoded = Data((canary + canary).utf8).base64EncodedString()
        #expect(!command.output.contains(canary), "\(what)")
        #expect(!command.output.contains(encoded), "\(what)")
    }

    private static let services = [
        "payout-service", "email-worker", "pdf-worker", "partner-worker", "example-subscriber",
    ]

    @Test(arguments: services) func `is in no output when the broker refuses it`(executable: String) async throws {
        let port = try await TestBroker.shared().port
        let command = try await Command.run(
            ownFolder() + "/" + executable, ["--fail-fast"], environment: secrets(port: port))
        #expect(command.status == .exited(4), "\(command.output)")
        #expect(command.output.contains("refused"))
        expectNothing(in: command, executable)
    }

    @Test(arguments: services) func `is in no output when what holds it is malformed`(executable: String) async throws {
        var environment = secrets(port: 1)
        environment["HAREBELL_URL"] = "amqp://nobody:\(canary)@[nonsense"
        environment["HAREBELL_SMTP_URL"] = "smtp://u:\(canary)@127.0.0.1:1"
        environment["HAREBELL_PARTNER_SECRET"] = canary
        environment["HAREBELL_PARTNER_URL"] = "https://u:\(canary)@partner.example/loans"
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://u:\(canary)@collector"
        environment["OTEL_EXPORTER_OTLP_HEADERS"] = canary
        let command = try await Command.run(ownFolder() + "/" + executable, [], environment: environment)
        #expect(command.status == .exited(64), "\(command.output)")
        expectNothing(in: command, executable)
    }

    @Test(arguments: [["queues", "list"], ["dlq", "list"], ["topology", "verify"], ["topology", "apply"]])
    func `is in no output of the tool`(arguments: [String]) async throws {
        for url in [
            "amqp://nobody:\(canary)@127.0.0.1:\(try await TestBroker.shared().port)/", "amqp://u:\(canary)@[nonsense",
        ] {
            let command = try await Command.run(
                ownFolder() + "/harebell", arguments,
                environment: ["HAREBELL_URL": url, "HAREBELL_MANAGEMENT": "http://nobody:\(canary)@127.0.0.1:1"])
            #expect(command.status?.isSuccess != true)
            expectNothing(in: command, "\(arguments)")
        }
    }

    @Test func `is in no log and no retry when the mail server refuses it`() async throws {
        try await withTemporaryDirectory { directory in
            var configuration = MailSink.Configuration(directory: directory + "/mail")
            configuration.credentials = .init(user: "loans", password: "another")
            let sink = try await MailSink.start(configuration, logger: quietLogger)
            try await withVirtualHost { url in
                var environment = secrets(port: 1)
                environment["HAREBELL_URL"] = url
                environment["HAREBELL_SMTP_URL"] = sink.url
                environment["HAREBELL_LOG_FORMAT"] = "json"
                let file = directory + "/output"
                let process = try ChildProcess.start(
                    ownFolder() + "/email-worker", environment: currentEnvironment().merging(environment) { $1 },
                    directory: directory, output: .file(file))
                let transport = RabbitMQTransport(
                    configuration: try .init(uri: url), service: "payout", logger: quietLogger)
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await transport.run() }
                    try await eventually("the worker", within: .seconds(30)) {
                        Command.contents(of: file).contains("\"message\":\"Working\"")
                    }
                    let loan = LoanPaidOut(
                        loanID: "L-1", borrower: Borrower(name: "Åsa", email: "asa@example.org"),
                        amount: try Money(minorUnits: 100, currency: "SEK"), reference: "R-1", occurredAt: Date())
                    try await Publisher(service: "payout", transport: transport).publish(loan)
                    try await eventually("a failed attempt", within: .seconds(30)) {
                        Command.contents(of: file).contains("retry_scheduled")
                    }
                    tasks.cancelAll()
                }
                let status = await process.terminate(grace: .seconds(20))
                #expect(status?.isSuccess == true)
                expectNothing(in: Command(status: status, output: Command.contents(of: file)), "email-worker")
            }
            await sink.stop()
        }
    }

    @Test func `is in no description of what holds it`() throws {
        var configuration = try AMQPConfiguration(uri: "amqps://nobody:\(canary)@rabbit/")
        var tls = TLSOptions()
        tls.keyPassphrase = canary
        configuration.tls = tls
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped, "\(tls)", String(reflecting: tls)] {
            #expect(!text.contains(canary))
        }
    }
}
