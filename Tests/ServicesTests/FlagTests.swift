import ArgumentParser
import TestSupport
import Testing

@testable import EmailWorker
@testable import HarebellHost
@testable import PDFWorker
@testable import PartnerWorker
@testable import PayoutService

@Suite struct `Flags of the services` {
    private static let services: [(type: any HostedService.Type, folder: String)] = [
        (PayoutService.self, "PayoutService"), (EmailWorker.self, "EmailWorker"), (PDFWorker.self, "PDFWorker"),
        (PartnerWorker.self, "PartnerWorker"),
    ]

    private func help<Service: HostedService>(of service: Service.Type) -> String {
        service.helpMessage(includeHidden: true, columns: 10_000)
    }

    /// The settings that a service has flags for.
    private func keys<Service: HostedService>(of service: Service.Type) throws -> [SettingKey] {
        let parsed = try service.parse([])
        return parsed.flags.merging(parsed.options.flags) { own, _ in own }.keys.map { SettingKey(name: $0) }
    }

    @Test func `each is the flag that problems name, and each reaches its setting`() throws {
        for (service, _) in Self.services {
            let inHelp = Set(SourceText.flags(in: help(of: service)))
            let ofSettings = Set(try keys(of: service).map(\.flag))
            #expect(ofSettings.subtracting(inHelp).isEmpty, "\(service)")
            let others: Set = ["--help", "--version", "--config", "--no-declare"]
            #expect(inHelp.subtracting(ofSettings) == others, "\(service)")
        }
    }

    @Test func `each names the variable that means the same`() throws {
        for (service, _) in Self.services {
            let variables = help(of: service).matches(of: /\[(HAREBELL_[A-Z_]+)\]/).map { String($0.1) }
            let expected = try keys(of: service).map(\.environmentName) + ["HAREBELL_CONFIG"]
            #expect(variables.sorted() == expected.sorted(), "\(service)")
            for setting in service.settings {
                #expect(help(of: service).contains(SettingKey(name: setting.name).environmentName), "\(setting.name)")
            }
        }
    }

    @Test func `none is named in a message that does not exist`() throws {
        for (service, folder) in Self.services {
            let flags = Set(SourceText.flags(in: help(of: service)))
            for line in try SourceText.code(below: "Sources/" + folder) + SourceText.code(below: "Sources/HarebellHost")
            {
                for flag in SourceText.flags(in: line.text) {
                    #expect(flags.contains(flag), "\(line.place) names \(flag)")
                }
            }
        }
    }

    @Test func `the examples of the help can be called`() throws {
        for (service, _) in Self.services {
            let examples = HostHelp.discussion(command: "the-service", settings: service.settings)
                .matches(of: /the-service((?: [^\s]+)*)\n/).map { $0.1.split(separator: " ").map(String.init) }
            #expect(examples.count == 3)
            for words in examples {
                #expect(throws: Never.self, "\(words)") { _ = try service.parse(words) }
            }
        }
    }
}
