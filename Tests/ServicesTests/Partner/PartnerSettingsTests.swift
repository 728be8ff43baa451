import Curl
import HarebellHost
import Signing
import Testing

@testable import PartnerWorker

@Suite struct `Settings of the partner worker` {
    let secret = StandardWebhooks.Secret.random().revealed

    @Test func `a partner elsewhere needs https and a public address`() async throws {
        let settings = try await read(url: "https://partner.example.org/loans")
        #expect(settings.url.host == "partner.example.org")
        #expect(settings.timeout == .seconds(10))
        #expect(settings.clientConfiguration.addressPolicy == .publicOnly)
        #expect(settings.clientConfiguration.allowedHosts == ["partner.example.org:443"])
        #expect(!"\(settings)".contains(secret))
        let inside = try await read(
            url: "https://partner.internal", ["HAREBELL_PARTNER_ALLOW_PRIVATE_ADDRESSES": "true"])
        #expect(inside.clientConfiguration.addressPolicy == .any)
    }

    @Test(arguments: ["http://127.0.0.1:8099/loans", "http://localhost:1", "http://[::1]:1/", "https://localhost/"])
    func `a partner on this machine may be spoken to in the clear, and leads nowhere else`(url: String) async throws {
        #expect(try await read(url: url).clientConfiguration.addressPolicy == .loopbackOnly)
    }

    @Test(arguments: [
        "http://partner.example.org/", "http://127.0.0.1.example.org/", "http://localhost.example.org/",
        "http://10.0.0.1/", "ftp://partner.example.org/", "smtp://localhost/", "partner.example.org",
        "https://user:S3cr3t-CANARY@partner.example.org/", "https://",
    ])
    func `any other partner is refused at start`(url: String) async throws {
        let problems = try await problems(["HAREBELL_PARTNER_URL": url, "HAREBELL_PARTNER_SECRET": secret])
        #expect(problems.count == 1 && problems[0].contains("partner.url"))
        #expect(!problems.joined().contains("CANARY"))
    }

    @Test func `several secrets are read, and a bad one is not shown`() async throws {
        let other = StandardWebhooks.Secret.random().revealed
        #expect(try await read(url: "https://a.example", secrets: "\(secret) \(other)").secrets.count == 2)
        #expect(try await read(url: "https://a.example", secrets: "\(secret),\n\(other)").secrets.count == 2)
        let problems = try await problems([
            "HAREBELL_PARTNER_URL": "https://a.example", "HAREBELL_PARTNER_SECRET": "S3cr3t-CANARY",
        ])
        #expect(!problems.isEmpty && !problems.joined().contains("CANARY"))
    }

    @Test func `everything that is wrong is said at once`() async throws {
        let problems = try await problems([
            "HAREBELL_PARTNER_URL": "http://partner.example.org", "HAREBELL_PARTNER_TIMEOUT": "soon",
            "HAREBELL_PARTNER_ALLOW_PRIVATE_ADDRESSES": "perhaps",
        ])
        #expect(problems.count == 4)
    }

    private func read(
        url: String, secrets: String? = nil, _ environment: [String: String] = [:]
    ) async throws -> PartnerSettings {
        let own = ["HAREBELL_PARTNER_URL": url, "HAREBELL_PARTNER_SECRET": secrets ?? secret]
        let sources = try await SettingsSources(flags: [:], environment: environment.merging(own) { $1 })
        return try #require(try sources.read { PartnerSettings(reading: &$0) })
    }

    private func problems(_ environment: [String: String]) async throws -> [String] {
        do {
            let sources = try await SettingsSources(flags: [:], environment: environment)
            _ = try sources.read { PartnerSettings(reading: &$0) }
            return []
        } catch let problems as SettingsProblems {
            return problems.problems
        }
    }
}
