import Harebell
import HarebellRabbitMQ

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the services of a development system are told: a broker user each, and where everything is.
struct ServiceSetup: Sendable {
    let configuration: DevelopmentConfiguration
    let state: StateDirectory
    let mailURL: String
    let partnerURL: String
    let partnerSecret: String
    let payoutPort: Int

    var pdfDirectory: String { state.folder(StateDirectory.receipts) }

    /// Adds a user with the least permissions for each service and describes its process.
    func services(_ executables: [String], on broker: PrivateBroker) async throws -> [ServiceDescription] {
        try FileManager.default.createDirectory(
            atPath: pdfDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // Whatever was set for another Harebell in this terminal is not meant for this one.
        let inherited = currentEnvironment().filter { !$0.key.hasPrefix("HAREBELL_") }
        var descriptions: [ServiceDescription] = []
        for (service, executable) in zip(ReferenceService.all, executables) {
            let name = service.name.rawValue
            let password = randomToken()
            let permissions = service.permissions
            try await broker.addUser(
                name, password: password, configure: permissions.configure, write: permissions.write,
                read: permissions.read)
            let variables = [
                "HAREBELL_STATUS_PORT": "0",
                "HAREBELL_URL": broker.url(user: name, password: password, virtualHost: "/"),
                "HAREBELL_LOG_FORMAT": "json", "HAREBELL_LOG_LEVEL": configuration.logLevel,
                "HAREBELL_GRACE_PERIOD": "\(max(1, configuration.grace.components.seconds - 1))s",
            ]
            descriptions.append(
                ServiceDescription(
                    name: name, executable: executable,
                    environment: inherited.merging(variables) { $1 }.merging(own(name)) { $1 }
                        .merging(configuration.environment[name] ?? [:]) { $1 },
                    directory: state.path))
        }
        return descriptions
    }

    /// What only this service is told.
    ///
    /// Secrets go here and never into arguments.
    private func own(_ name: String) -> [String: String] {
        switch name {
        case "payout": ["HAREBELL_DATABASE": state.folder(StateDirectory.loans), "HAREBELL_HTTP_PORT": "\(payoutPort)"]
        case "email":
            ["HAREBELL_SMTP_URL": mailURL, "HAREBELL_MAIL_FROM": "Harebell Loans <loans@example.org>"]
        case "pdf": ["HAREBELL_PDF_DIRECTORY": pdfDirectory]
        case "partner": ["HAREBELL_PARTNER_URL": partnerURL, "HAREBELL_PARTNER_SECRET": partnerSecret]
        default: [:]
        }
    }
}
