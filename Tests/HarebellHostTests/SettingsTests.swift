import Configuration
import Foundation
import Testing

@testable import HarebellHost

@Suite struct `Settings` {
    /// Runs a body with the path of a file that holds a text.
    private func withFile<Result>(_ content: String, _ body: (String) async throws -> Result) async throws -> Result {
        let path = FileManager.default.temporaryDirectory.appending(path: "harebell-\(UUID().uuidString).json")
        try Data(content.utf8).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        return try await body(path.path)
    }

    private func problems(_ body: () async throws -> Void) async -> [String] {
        do {
            try await body()
            return []
        } catch {
            return (error as? SettingsProblems)?.problems ?? ["\(error)"]
        }
    }

    @Test func `a flag wins over the environment, which wins over the file`() async throws {
        try await withFile(#"{"a": "file", "b": "file", "c": "file", "smtp": {"url": "file"}}"#) { path in
            let sources = try await SettingsSources(
                flags: ["a": "flag", "b": nil],
                environment: ["HAREBELL_A": "environment", "HAREBELL_B": "environment"],
                file: path)
            let values = try sources.read { [$0.string("a"), $0.string("b"), $0.string("c"), $0.string("smtp.url")] }
            #expect(values == ["flag", "environment", "file", "file"])
            #expect(sources.reader.string(forKey: "b") == "environment")
        }
    }

    @Test func `all problems are reported at once, with what to do`() async throws {
        let problems = await problems {
            let sources = try await SettingsSources(
                flags: ["prefetch": "0", "smtp.url": nil],
                environment: ["HAREBELL_GRACE_PERIOD": "soon", "HAREBELL_DECLARE": "perhaps"])
            _ = try sources.read { reader in
                _ = reader.int("prefetch", default: 20, in: 1...65_535)
                _ = reader.duration("gracePeriod", default: .seconds(30))
                _ = reader.bool("declare", default: true)
                _ = reader.required("smtp.url")
                _ = reader.required("partner.secret")
            }
        }
        #expect(
            problems == [
                #"--prefetch is "0": expected a whole number from 1 to 65535"#,
                #"HAREBELL_GRACE_PERIOD is "soon": expected a duration from 0 to 7d, such as 500ms, 30s or 2m"#,
                #"HAREBELL_DECLARE is "perhaps": expected true or false"#,
                "smtp.url is not set: pass --smtp-url, set HAREBELL_SMTP_URL, "
                    + #"or write {"smtp": {"url": …}} into the --config file"#,
                "partner.secret is not set: set HAREBELL_PARTNER_SECRET, "
                    + #"or write {"partner": {"secret": …}} into the --config file"#,
            ])
    }

    @Test func `numbers, switches and lists in the file mean what they mean as text`() async throws {
        let file = #"{"prefetch": 7, "declare": false, "gracePeriod": "2m", "delays": ["1s", "50ms"], "port": "80"}"#
        try await withFile(file) { path in
            let sources = try await SettingsSources(flags: [:], environment: [:], file: path)
            try sources.read { reader in
                #expect(reader.int("prefetch", default: 20, in: 1...65_535) == 7)
                #expect(reader.bool("declare", default: true) == false)
                #expect(reader.duration("gracePeriod", default: .zero) == .seconds(120))
                #expect(reader.int("port", default: 0, in: 1...65_535) == 80)
                let bounds = Duration.zero ... .seconds(1)
                #expect(reader.durations("delays", default: [], in: bounds) == [.seconds(1), .milliseconds(50)])
            }
        }
    }

    @Test func `a file that is missing or no JSON object is a problem with its path`() async throws {
        let missing = await problems {
            _ = try await SettingsSources(flags: [:], environment: [:], file: "/nowhere.json")
        }
        #expect(missing.count == 1)
        #expect(missing.first?.hasPrefix(#"--config names "/nowhere.json""#) == true)
        let broken = try await withFile("{nope") { path in
            await problems { _ = try await SettingsSources(flags: [:], environment: ["HAREBELL_CONFIG": path]) }
        }
        #expect(broken.first?.hasPrefix("HAREBELL_CONFIG names") == true)
    }

    @Test func `an empty variable is none, an empty flag is a problem`() async throws {
        let sources = try await SettingsSources(flags: [:], environment: ["HAREBELL_URL": ""])
        #expect(try sources.read { $0.string("url", default: "x") } == "x")
        let problems = await problems {
            _ = try await SettingsSources(flags: ["url": ""], environment: [:]).read { $0.string("url") }
        }
        #expect(problems == ["--url is empty: give it a value or leave it out"])
    }

    @Test func `a secret comes from its file or its variable, and no problem shows it`() async throws {
        try await withFile("s3cret\n") { path in
            let sources = try await SettingsSources(
                flags: [:], environment: ["HAREBELL_PASSWORD_FILE": path, "HAREBELL_PASSWORD": "other"])
            #expect(try sources.read { $0.secret("password") } == "s3cret")
        }
        let plain = try await SettingsSources(flags: [:], environment: ["HAREBELL_PASSWORD": "s3cret"])
        #expect(try plain.read { $0.secret("password") } == "s3cret")
        let problems = await problems {
            let sources = try await SettingsSources(flags: [:], environment: ["HAREBELL_X": "amqp://u:s3cret@h"])
            _ = try sources.read { $0.value("x", expected: "something else") { _ in Int?.none } }
        }
        #expect(problems == ["HAREBELL_X cannot be used: expected something else"])
    }

    @Test(arguments: [
        ("url", "--url", "HAREBELL_URL", #"{"url": …}"#),
        ("gracePeriod", "--grace-period", "HAREBELL_GRACE_PERIOD", #"{"gracePeriod": …}"#),
        ("log.level", "--log-level", "HAREBELL_LOG_LEVEL", #"{"log": {"level": …}}"#),
        ("smtp.passwordFile", "--smtp-password-file", "HAREBELL_SMTP_PASSWORD_FILE", #"{"smtp": {"passwordFile": …}}"#),
    ])
    func `a setting has four spellings`(name: String, flag: String, environment: String, file: String) async throws {
        let key = SettingKey(name: name)
        #expect(key.flag == flag)
        #expect(key.environmentName == environment)
        #expect(key.filePath == file)
        let sources = try await SettingsSources(flags: [:], environment: [environment: "x"])
        #expect(try sources.read { $0.string(name) } == "x")
    }
}
