import ArgumentParser
import Curl
import Harebell
import HarebellHost

@main
struct EmailWorker: HostedService {
    static let service: ServiceName = "email"
    static let summary = "Sends borrowers a mail when their loan is paid out or canceled."
    static let settings = EmailSettings.explained

    @OptionGroup var options: HostOptions
    @Option(help: "The mail server, smtp:// or smtps://, without a password. [HAREBELL_SMTP_URL]")
    var smtpUrl: String?
    @Option(help: "required, opportunistic or none. [HAREBELL_SMTP_STARTTLS]")
    var smtpStarttls: String?
    @Option(help: "The user to log in as. [HAREBELL_SMTP_USERNAME]")
    var smtpUsername: String?
    @Option(help: "A file that holds the password and nothing else. [HAREBELL_SMTP_PASSWORD_FILE]")
    var smtpPasswordFile: String?
    @Option(help: "Certificates to trust for the mail server, in PEM. [HAREBELL_SMTP_CA_FILE]")
    var smtpCaFile: String?
    @Option(help: "How long handing over one mail may take. [HAREBELL_SMTP_TIMEOUT] (default: 30s)")
    var smtpTimeout: String?
    @Option(help: "The sender, such as 'Harebell Loans <loans@example.org>'. [HAREBELL_MAIL_FROM]")
    var mailFrom: String?

    var flags: [String: String?] {
        [
            "smtp.url": smtpUrl, "smtp.starttls": smtpStarttls, "smtp.username": smtpUsername,
            "smtp.passwordFile": smtpPasswordFile, "smtp.caFile": smtpCaFile, "smtp.timeout": smtpTimeout,
            "mail.from": mailFrom,
        ]
    }

    func start(_ host: Host) async throws {
        guard let settings = try host.read({ EmailSettings(reading: &$0) }) else { return }
        let client = try CurlClient(
            configuration: CurlConfiguration(
                timeout: settings.timeout, certificateAuthorityFile: settings.certificateAuthorityFile,
                allowedHosts: [settings.relay.url.host], maximumConnectionsPerHost: 8))
        let mailer = Mailer(client: client, settings: settings)
        try await host.run(
            host.worker(dependsOn: "mail server") {
                SendPayoutMail(mailer: mailer)
                SendCancellationMail(mailer: mailer)
            })
        await client.shutdown()
    }
}
