import Curl
import HarebellHost
import Signing

/// Where the partner listens and how reports are signed.
struct PartnerSettings: Sendable {
    let url: ServerURL
    let secrets: [StandardWebhooks.Secret]
    let timeout: Duration
    let certificateAuthorityFile: String?
    let allowsPrivateAddresses: Bool

    static let explained = [
        ServiceSetting(
            "partner.url", "The endpoint, such as https://partner.example.org/loans; http on this machine only."),
        ServiceSetting(
            "partner.secret",
            "whsec_ and base64. Several, separated by spaces, sign while one is rotated. Never a flag."),
        ServiceSetting("partner.secretFile", "A file that holds the secret or secrets and nothing else."),
        ServiceSetting("partner.timeout", "How long one report may take.", default: "10s"),
        ServiceSetting("partner.caFile", "Certificates to trust for the partner instead of the system's, in PEM."),
        ServiceSetting(
            "partner.allowPrivateAddresses", "Whether the partner's name may lead into a private network.",
            default: "false"),
    ]

    init(
        url: ServerURL, secrets: [StandardWebhooks.Secret], timeout: Duration = .seconds(10),
        certificateAuthorityFile: String? = nil, allowsPrivateAddresses: Bool = false
    ) {
        self.url = url
        self.secrets = secrets
        self.timeout = timeout
        self.certificateAuthorityFile = certificateAuthorityFile
        self.allowsPrivateAddresses = allowsPrivateAddresses
    }

    /// Reads all settings and notes all problems; nil stands for values that are no use because of one.
    init?(reading reader: inout SettingsReader) {
        let url = Self.url(&reader)
        let secrets = Self.secrets(&reader)
        // Below the handler's own timeout, whose default is 60 s: the failure then has a name.
        timeout = reader.duration("partner.timeout", default: .seconds(10), in: .milliseconds(100) ... .seconds(300))
        certificateAuthorityFile = reader.readableFile("partner.caFile")
        allowsPrivateAddresses = reader.bool("partner.allowPrivateAddresses", default: false)
        guard let url, !secrets.isEmpty else { return nil }
        self.url = url
        self.secrets = secrets
    }

    /// How the client is held to the one host: an address of this machine for a loopback URL, a public one otherwise.
    var clientConfiguration: CurlConfiguration {
        let addresses: AddressPolicy = url.isLoopback ? .loopbackOnly : allowsPrivateAddresses ? .any : .publicOnly
        return CurlConfiguration(
            connectTimeout: min(timeout, .seconds(5)), timeout: timeout,
            certificateAuthorityFile: certificateAuthorityFile, allowedHosts: ["\(url.host):\(url.port)"],
            addressPolicy: addresses, userAgent: "harebell-partner-worker")
    }

    private static func url(_ reader: inout SettingsReader) -> ServerURL? {
        let parsed = reader.required("partner.url", expected: "https://host/path") { try ServerURL($0) }
        guard let url = parsed else { return nil }
        switch url.scheme {
        case "https": break
        case "http" where url.isLoopback: break
        case "http":
            reader.note("partner.url begins with http:// but \(url.host) is another machine: use https://")
        default:
            reader.note("partner.url begins with \(url.scheme)://: expected https://host/path")
        }
        return url
    }

    private static func secrets(_ reader: inout SettingsReader) -> [StandardWebhooks.Secret] {
        guard let text = reader.secret("partner.secret") else {
            reader.note(
                "partner.secret is not set: set HAREBELL_PARTNER_SECRET, or HAREBELL_PARTNER_SECRET_FILE to a file with it"
            )
            return []
        }
        var secrets: [StandardWebhooks.Secret] = []
        for word in text.split(whereSeparator: { $0.isWhitespace || $0 == "," }) {
            do throws(StandardWebhooks.SecretError) {
                secrets.append(try StandardWebhooks.Secret(String(word)))
            } catch {
                reader.note("partner.secret cannot be used: \(error)")
            }
        }
        if secrets.isEmpty { reader.note("partner.secret holds no usable secret") }
        return secrets
    }
}
