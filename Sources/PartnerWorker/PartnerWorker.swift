import ArgumentParser
import Curl
import Harebell
import HarebellHost

@main
struct PartnerWorker: HostedService {
    static let service: ServiceName = "partner"
    static let summary = "Reports every change of a loan's status to the partner, signed and in order."
    static let settings = PartnerSettings.explained

    @OptionGroup var options: HostOptions
    @Option(help: "The partner's endpoint, https:// unless on this machine. [HAREBELL_PARTNER_URL]")
    var partnerUrl: String?
    @Option(help: "A file that holds the signing secret, whsec_ and base64. [HAREBELL_PARTNER_SECRET_FILE]")
    var partnerSecretFile: String?
    @Option(help: "How long one report may take. [HAREBELL_PARTNER_TIMEOUT] (default: 10s)")
    var partnerTimeout: String?
    @Option(help: "Certificates to trust for the partner, in PEM. [HAREBELL_PARTNER_CA_FILE]")
    var partnerCaFile: String?
    @Flag(help: "Let the partner's name lead into a private network. [HAREBELL_PARTNER_ALLOW_PRIVATE_ADDRESSES]")
    var partnerAllowPrivateAddresses = false

    var flags: [String: String?] {
        [
            "partner.url": partnerUrl, "partner.secretFile": partnerSecretFile, "partner.timeout": partnerTimeout,
            "partner.caFile": partnerCaFile,
            "partner.allowPrivateAddresses": partnerAllowPrivateAddresses ? "true" : nil,
        ]
    }

    func start(_ host: Host) async throws {
        guard let settings = try host.read({ PartnerSettings(reading: &$0) }) else { return }
        let client = try CurlClient(configuration: settings.clientConfiguration)
        let endpoint = PartnerEndpoint(client: client, settings: settings)
        try await host.run(host.worker(dependsOn: "partner") { endpoint.subscriptions })
        await client.shutdown()
    }
}
