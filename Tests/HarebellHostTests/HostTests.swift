import AMQP
import ArgumentParser
import Harebell
import HarebellObservability
import Logging
import Testing

@testable import HarebellHost

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct `A host` {
    private func host(_ arguments: [String] = [], environment: [String: String] = [:]) async throws -> Host {
        try await Host(
            service: "email", options: try HostOptions.parse(arguments), environment: environment,
            output: LogOutput(descriptor: -1))
    }

    private func problems(_ arguments: [String], environment: [String: String] = [:]) async -> [String] {
        do {
            _ = try await host(arguments, environment: environment)
            return []
        } catch {
            return (error as? SettingsProblems)?.problems ?? ["\(error)"]
        }
    }

    @Test func `without any setting it has the documented defaults`() async throws {
        let host = try await host()
        let worker = host.workerConfiguration()
        #expect(worker.prefetch == 20)
        #expect(worker.handlerTimeout == .seconds(60))
        #expect(worker.gracePeriod == .seconds(30))
        #expect(worker.retry == .default)
        #expect(host.settings.declares)
        #expect(host.logger.logLevel == .info)
    }

    @Test func `limits and the breaker reach the worker, and a service without a dependency has none`() async throws {
        let host = try await host(
            ["--concurrency", "5", "--rate-limit", "0.5", "--maximum-age", "10m", "--breaker-failures", "3"],
            environment: ["HAREBELL_MAXIMUM_BODY_SIZE": "1000", "HAREBELL_BREAKER_LONGEST_WAIT": "500ms"])
        let worker = host.workerConfiguration(dependsOn: "partner")
        #expect(worker.concurrency == 5)
        #expect(worker.rateLimit == RateLimit(1, per: .seconds(2)))
        #expect(worker.maximumAge == .seconds(600))
        #expect(worker.maximumBodySize == 1_000)
        #expect(worker.breaker?.dependency == "partner")
        #expect(worker.breaker?.consecutiveFailures == 3)
        #expect(worker.breaker?.longestWait == .milliseconds(500))
        #expect(host.workerConfiguration().breaker == nil)
        let off = try await self.host(["--breaker-failures", "0"])
        #expect(off.workerConfiguration(dependsOn: "partner").breaker == nil)
        let problems = await problems(["--concurrency", "21", "--rate-limit", "fast", "--maximum-age", "0s"])
        #expect(problems.count == 3)
    }

    @Test func `flags and variables reach the worker`() async throws {
        let host = try await host(
            ["--prefetch", "50", "--grace-period", "2m", "--no-declare"],
            environment: [
                "HAREBELL_PREFETCH": "7", "HAREBELL_HANDLER_TIMEOUT": "5s", "HAREBELL_LOG_LEVEL": "debug",
                "HAREBELL_RETRY_DELAYS": "50ms, 100ms",
            ])
        let worker = host.workerConfiguration(publishes: ["loan.paid-out"])
        #expect(worker.prefetch == 50)
        #expect(worker.gracePeriod == .seconds(120))
        #expect(worker.handlerTimeout == .seconds(5))
        #expect(worker.retry.delayed == [.milliseconds(50), .milliseconds(100)])
        #expect(worker.publishes == ["loan.paid-out"])
        #expect(!host.settings.declares)
        #expect(host.logger.logLevel == .debug)
    }

    @Test func `a password on the command line is refused with advice, one in the environment is taken`() async throws {
        let problems = await problems(["--url", "amqp://email:s3cret@rabbit/shop"])
        #expect(problems == [ConnectionSettings.passwordAdvice])
        #expect(await self.problems([], environment: ["HAREBELL_URL": "amqp://email:s3cret@rabbit/shop"]).isEmpty)
    }

    @Test(arguments: [
        ("amqp://h", false), ("amqp://u@h", false), ("amqp://u:p@h", true), ("amqp://u:p@h1:5672,h2/v?x=@:y", true),
        ("amqp://h/a:b@c", false), ("amqp://h?x=a:b@c", false), ("nonsense", false), ("amqps://u:p%40@h", true),
    ])
    func `a password in an address is seen`(url: String, expected: Bool) {
        #expect(ConnectionSettings.carriesPassword(url) == expected)
    }

    @Test func `every problem of command line and environment is in one report`() async {
        let problems = await problems(
            ["--prefetch", "many", "--log-level", "loud", "--retry-rungs", "5s,1s", "--key-file", "/dev/null"],
            environment: ["HAREBELL_LOG_FORMAT": "xml", "HAREBELL_HANDLER_TIMEOUT": "1h"])
        #expect(problems.count == 6)
        for part in ["--prefetch", "--log-level", "retry.rungs", "amqps://", "HAREBELL_LOG_FORMAT", "HANDLER_TIMEOUT"] {
            #expect(problems.contains { $0.contains(part) }, "\(part)")
        }
    }

    @Test func `what OpenTelemetry's variables say wrongly is in the same report, and switches nothing on`()
        async throws
    {
        let problems = await problems(
            ["--status-port", "many"],
            environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "collector", "OTEL_EXPORTER_OTLP_HEADERS": "s3cret",
                "OTEL_TRACES_SAMPLER": "sometimes",
            ])
        #expect(problems.count == 4)
        #expect(!problems.joined().contains("s3cret"))
        let host = try await host()
        #expect(host.settings.tracing == nil)
        #expect(host.settings.status.port == nil)
        #expect(host.metrics == nil)
        let open = try await self.host(
            ["--status-port", "0", "--status-host", "::1"],
            environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"])
        #expect(open.settings.status.host == "::1")
        #expect(open.metrics != nil)
        #expect(open.settings.tracing?.endpoint == "http://c:4318/v1/traces")
    }

    @Test func `address, password file and certificates become one connection`() async throws {
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appending(path: "harebell-password-\(UUID().uuidString)").path
        #expect(FileManager.default.createFile(atPath: file, contents: Data("s3cret\n".utf8)))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let host = try await host(
            ["--url", "amqps://email@rabbit-1,rabbit-2:5673/shop", "--password-file", file, "--ca-file", file],
            environment: ["HAREBELL_SERVER_NAME": "rabbit.internal"])
        let connection = host.settings.connection
        #expect(connection.hosts.map(\.description) == ["rabbit-1", "rabbit-2:5673"])
        #expect(connection.virtualHost == "shop")
        #expect(connection.credentials == .plain(username: "email", password: "s3cret"))
        #expect(connection.tls?.caFile == file)
        #expect(connection.tls?.serverName == "rabbit.internal")
        #expect(connection.connectionName?.hasPrefix("email ") == true)
        #expect(!"\(connection)".contains("s3cret"))
    }

    @Test func `what cannot work is said before a connection is tried`() async {
        #expect(
            await problems(["--url", "http://rabbit"]).first?.hasPrefix("url: the AMQP URI cannot be used") == true)
        #expect(await problems(["--url", "amqp://email@rabbit"]).first?.contains("no password is set") == true)
        #expect(await problems(["--ca-file", "/nowhere.pem"]).count == 2)
    }

    @Test func `help names the variables, the defaults and the exit codes`() {
        let help =
            HostOptions.helpMessage()
            + HostHelp.discussion(
                command: "email-worker",
                settings: [
                    ServiceSetting("smtp.url", "Where mail goes.", default: "smtp://localhost")
                ])
        for part in [
            "HAREBELL_URL", "HAREBELL_LOG_LEVEL", "HAREBELL_LOG_FORMAT", "HAREBELL_PREFETCH", "HAREBELL_GRACE_PERIOD",
            "HAREBELL_CA_FILE", "HAREBELL_PASSWORD_FILE", "HAREBELL_DECLARE", "(default: 30s)", "HAREBELL_SMTP_URL",
            "(default: smtp://localhost)", "130", "amqps://",
        ] {
            #expect(help.contains(part), "\(part)")
        }
    }
}
