import Curl
import HarebellHost
import Testing

@testable import EmailWorker

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct `Settings of the email worker` {
    @Test func `what is set is used, and the rest has a sensible value`() async throws {
        let settings = try await read([
            "HAREBELL_SMTP_URL": "smtp://mail.example.org:587", "HAREBELL_MAIL_FROM": "Loans <loans@example.org>",
            "HAREBELL_SMTP_USERNAME": "user", "HAREBELL_SMTP_PASSWORD": "S3cr3t-CANARY", "HAREBELL_SMTP_TIMEOUT": "5s",
        ])
        #expect(settings.relay.url.host == "mail.example.org" && settings.relay.url.port == 587)
        #expect(settings.relay.startTLS == .required)
        #expect(settings.relay.credentials == Credentials(username: "user", password: "S3cr3t-CANARY"))
        #expect(settings.sender.name == "Loans" && settings.sender.address == "loans@example.org")
        #expect(settings.timeout == .seconds(5))
        #expect(!"\(settings)".contains("CANARY"))
    }

    @Test func `this machine needs no encryption unless it is asked for`() async throws {
        let local = ["HAREBELL_SMTP_URL": "smtp://127.0.0.1:2525", "HAREBELL_MAIL_FROM": "loans@example.org"]
        #expect(try await read(local).relay.startTLS == MailRelay.StartTLS.none)
        #expect(
            try await read(local.merging(["HAREBELL_SMTP_STARTTLS": "required"]) { $1 }).relay.startTLS == .required)
    }

    @Test func `flags win, and a password comes from a file`() async throws {
        let file = FileManager.default.temporaryDirectory.path + "/harebell-password-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data("secret\n".utf8).write(to: URL(fileURLWithPath: file))
        let settings = try await read(
            [
                "HAREBELL_SMTP_URL": "smtp://elsewhere", "HAREBELL_MAIL_FROM": "loans@example.org",
                "HAREBELL_SMTP_USERNAME": "user",
            ],
            flags: ["smtp.url": "smtps://mail.example.org", "smtp.passwordFile": file])
        #expect(settings.relay.url.text == "smtps://mail.example.org/")
        #expect(settings.relay.credentials == Credentials(username: "user", password: "secret"))
    }

    @Test func `everything that is wrong is said at once, without passwords`() async throws {
        let problems = try await problems([
            "HAREBELL_SMTP_URL": "smtp://user:S3cr3t-CANARY@mail.example.org", "HAREBELL_SMTP_STARTTLS": "maybe",
            "HAREBELL_SMTP_USERNAME": "user", "HAREBELL_SMTP_TIMEOUT": "soon", "HAREBELL_MAIL_FROM": "nobody",
        ])
        #expect(problems.count == 5)
        for part in ["smtp.url", "HAREBELL_SMTP_STARTTLS", "smtp.password", "HAREBELL_SMTP_TIMEOUT", "mail.from"] {
            #expect(problems.contains { $0.contains(part) }, "\(part)")
        }
        #expect(!problems.joined().contains("CANARY"))
    }

    @Test func `what is missing is named`() async throws {
        let problems = try await problems([:])
        #expect(problems.count == 2)
        #expect(problems[0].contains("HAREBELL_SMTP_URL") && problems[1].contains("HAREBELL_MAIL_FROM"))
    }

    @Test(arguments: [
        ["HAREBELL_SMTP_URL": "https://mail.example.org"], ["HAREBELL_SMTP_URL": "mail.example.org"],
        [
            "HAREBELL_SMTP_URL": "smtp://mail.example.org", "HAREBELL_SMTP_STARTTLS": "opportunistic",
            "HAREBELL_SMTP_USERNAME": "user", "HAREBELL_SMTP_PASSWORD": "secret",
        ],
    ])
    func `a server that no mail should be sent to is refused at start`(environment: [String: String]) async throws {
        let problems = try await problems(environment.merging(["HAREBELL_MAIL_FROM": "loans@example.org"]) { $1 })
        #expect(problems.count == 1 && problems[0].contains("smtp.url"))
    }

    private func read(_ environment: [String: String], flags: [String: String?] = [:]) async throws -> EmailSettings {
        let sources = try await SettingsSources(flags: flags, environment: environment)
        return try #require(try sources.read { EmailSettings(reading: &$0) })
    }

    private func problems(_ environment: [String: String]) async throws -> [String] {
        do {
            _ = try await read(environment)
            return []
        } catch let problems as SettingsProblems {
            return problems.problems
        }
    }
}
