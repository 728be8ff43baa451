import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import LoanEvents
import ServiceLifecycle
import TestSupport
import Testing

/// Runs the example subscriber as its users do.
@Suite(.timeLimit(.minutes(2))) struct `The example subscriber as a process` {
    @Test func `--help explains options, variables and exit codes and exits with 0`() async throws {
        try await withTemporaryDirectory { folder in
            let process = try ExampleProcess(["--help"], in: folder)
            #expect(try await process.exitCode() == 0)
            for part in ["HAREBELL_URL", "EXAMPLES:", "USAGE: example-subscriber", "The service 'example'."] {
                #expect(try process.output.contains(part), "\(part)")
            }
        }
    }

    @Test func `--version prints the version`() async throws {
        try await withTemporaryDirectory { folder in
            let process = try ExampleProcess(["--version"], in: folder)
            #expect(try await process.exitCode() == 0)
            #expect(try process.output.first?.isNumber == true)
        }
    }

    @Test func `a wrong configuration is explained at once and exits with 64`() async throws {
        try await withTemporaryDirectory { folder in
            let process = try ExampleProcess(
                ["--prefetch", "none", "--url", "amqp://u:s3cret@h"], environment: ["HAREBELL_LOG_LEVEL": "loud"],
                in: folder)
            #expect(try await process.exitCode() == 64)
            let errors = try process.errors
            for part in ["3 problems", "--prefetch", "--url carries a password", "HAREBELL_LOG_LEVEL", "--help"] {
                #expect(errors.contains(part), "\(part)")
            }
            #expect(!errors.contains("s3cret"))
            #expect(try process.output.isEmpty)
        }
    }

    @Test func `an unknown option exits with 64`() async throws {
        try await withTemporaryDirectory { folder in
            let process = try ExampleProcess(["--nonsense"], in: folder)
            #expect(try await process.exitCode() == 64)
        }
    }

    @Test func `a broker that is away is waited for, and SIGTERM still ends it with 0`() async throws {
        try await withTemporaryDirectory { folder in
            let process = try ExampleProcess(environment: ["HAREBELL_URL": "amqp://u:s3cret@127.0.0.1:1"], in: folder)
            try await eventually("a second try") {
                try process.errors.split(separator: "\n").filter { $0.contains("cannot reach the broker") }.count > 2
            }
            process.signal(SIGTERM)
            #expect(try await process.exitCode() == 0)
            #expect(try !process.errors.contains("s3cret"))
        }
    }

    @Test func `with --fail-fast a broker that is away is exit code 5`() async throws {
        try await withTemporaryDirectory { folder in
            let process = try ExampleProcess(["--url", "amqp://127.0.0.1:1", "--fail-fast"], in: folder)
            #expect(try await process.exitCode() == 5)
        }
    }

    @Test func `with --fail-fast a wrong password or virtual host is exit code 4`() async throws {
        try await withTemporaryDirectory { folder in
            let url = try await TestBroker.shared().url
            let wrong = try #require(URLComponents(string: url)?.port)
            let process = try ExampleProcess(
                ["--fail-fast"], environment: ["HAREBELL_URL": "amqp://nobody:s3cret@127.0.0.1:\(wrong)"], in: folder)
            #expect(try await process.exitCode() == 4)
            #expect(try !process.errors.contains("s3cret"))
            let elsewhere = try ExampleProcess(
                ["--fail-fast"], environment: ["HAREBELL_URL": url + "no-such-host"], in: folder)
            #expect(try await elsewhere.exitCode() == 4)
        }
    }

    @Test func `it gets the next loan, logs one line of JSON per step, and ends with 0`() async throws {
        try await withTemporaryDirectory { folder in
            try await withVirtualHost { url in
                let process = try ExampleProcess(environment: ["HAREBELL_URL": url], in: folder)
                let loan = LoanPaidOut(
                    loanID: "L-1", borrower: Borrower(name: "Åsa Öberg", email: "asa@example.org"),
                    amount: try Money(minorUnits: 125_000_000, currency: "SEK"), reference: "R-1", occurredAt: Date())
                let transport = RabbitMQTransport(
                    configuration: try .init(uri: url), service: "payout", logger: quietLogger)
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await transport.run() }
                    // Until its queue is bound an event reaches nobody, so there may be more than one.
                    try await eventually("the loan", within: .seconds(30)) {
                        _ = try await Publisher(service: "payout", transport: transport).publish(loan)
                        return try process.errors.contains("Åsa Öberg got 1 250 000,00 kr")
                    }
                    tasks.cancelAll()
                }
                process.signal(SIGTERM)
                #expect(try await process.exitCode() == 0)
                for line in try process.errors.split(separator: "\n") {
                    _ = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
                }
            }
        }
    }
}
