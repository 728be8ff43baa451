public import ArgumentParser
public import Harebell
import HarebellObservability
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A service as an executable: what it is called and what it runs.
///
/// Everything around that is the host's.
///
/// ```swift
/// @main
/// struct EmailWorker: HostedService {
///     static let service: ServiceName = "email"
///     @OptionGroup var options: HostOptions
///
///     func start(_ host: Host) async throws {
///         let mail = try host.read { MailSettings(reading: &$0) }
///         try await host.run(host.worker { SendPayoutMail(mail) })
///     }
/// }
/// ```
public protocol HostedService: AsyncParsableCommand {
    /// The service's name, which is its queue's too.
    static var service: ServiceName { get }
    /// One sentence for `--help`.
    static var summary: String { get }
    /// The service's own settings, for `--help`.
    static var settings: [ServiceSetting] { get }

    /// The options that every service has.
    var options: HostOptions { get }
    /// What the service's own options gave: setting names with their texts, nil where nothing was given.
    var flags: [String: String?] { get }

    /// Reads the service's settings, builds its parts and runs them; returns after a graceful shutdown.
    func start(_ host: Host) async throws
}

extension HostedService {
    /// Names the service.
    public static var summary: String { "The service '\(service)'." }
    /// No settings of its own.
    public static var settings: [ServiceSetting] { [] }
    /// No options of its own.
    public var flags: [String: String?] { [:] }

    /// Name, help and version; a service describes itself by ``summary`` and ``settings``.
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            abstract: summary, discussion: HostHelp.discussion(command: HostHelp.command, settings: settings),
            version: HarebellVersion.current)
    }

    /// Reads the configuration, sets up logging, starts the service; every failure becomes a documented exit code.
    public mutating func run() async throws {
        var host: Host
        do {
            host = try await Host(
                service: Self.service, options: options, flags: flags,
                environment: ProcessInfo.processInfo.environment)
        } catch let problems as SettingsProblems {
            throw Self.report(problems)
        }
        host.bootstrap()
        do {
            try await host.checkConnection()
            try await start(host)
        } catch let problems as SettingsProblems {
            throw Self.report(problems)
        } catch let code as ExitCode {
            throw code
        } catch {
            host.logger.critical("stopped by an error", error: error)
            throw Host.exitCode(for: error)
        }
    }

    private static func report(_ problems: SettingsProblems) -> ExitCode {
        LogOutput.standardError.write(
            "\(_commandName): \(problems)\nSee '\(_commandName) --help' for every setting.\n")
        return ExitStatus.usage
    }
}
