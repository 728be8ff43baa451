import Curl
import HarebellHost

/// Which mail server takes the mails, and in whose name.
struct EmailSettings: Sendable {
    let relay: MailRelay
    let sender: MailAddress
    let timeout: Duration
    let certificateAuthorityFile: String?

    static let explained = [
        ServiceSetting("smtp.url", "The mail server, such as smtp://mail.example.org:587 or smtps://mail.example.org."),
        ServiceSetting(
            "smtp.starttls", "required, opportunistic or none: encryption with smtp://.",
            default: "required; none for this machine"),
        ServiceSetting("smtp.username", "The user to log in as; without one there is no login."),
        ServiceSetting("smtp.password", "The user's password; never a flag."),
        ServiceSetting("smtp.passwordFile", "A file that holds the password and nothing else."),
        ServiceSetting("smtp.caFile", "Certificates to trust for the mail server instead of the system's, in PEM."),
        ServiceSetting("smtp.timeout", "How long handing over one mail may take.", default: "30s"),
        ServiceSetting("mail.from", "The sender, such as Harebell Loans <loans@example.org>."),
    ]

    init(
        relay: MailRelay, sender: MailAddress, timeout: Duration = .seconds(30), certificateAuthorityFile: String? = nil
    ) {
        self.relay = relay
        self.sender = sender
        self.timeout = timeout
        self.certificateAuthorityFile = certificateAuthorityFile
    }

    /// Reads all settings and notes all problems; nil stands for values that are no use because of one.
    init?(reading reader: inout SettingsReader) {
        let url = reader.required("smtp.url", expected: "smtp://host:587 or smtps://host") { try ServerURL($0) }
        let startTLS: MailRelay.StartTLS? = reader.choice("smtp.starttls")
        let credentials = Self.credentials(&reader)
        timeout = reader.duration("smtp.timeout", default: .seconds(30), in: .milliseconds(100) ... .seconds(300))
        certificateAuthorityFile = reader.readableFile("smtp.caFile")
        let sender = reader.required("mail.from", expected: "loans@example.org or Name <loans@example.org>") {
            try MailAddress(parsing: $0)
        }
        guard let url else { return nil }
        relay = MailRelay(
            url: url, startTLS: startTLS ?? (url.isLoopback ? .none : .required), credentials: credentials)
        if let problem = relay.problem { reader.note("smtp.url, smtp.starttls: \(problem)") }
        guard let sender else { return nil }
        self.sender = sender
    }

    private static func credentials(_ reader: inout SettingsReader) -> Credentials? {
        let username = reader.string("smtp.username")
        let password = reader.secret("smtp.password")
        guard let username, let password else {
            if username != nil || password != nil {
                reader.note(
                    "smtp.username and smtp.password (or smtp.passwordFile) belong together: set both or neither")
            }
            return nil
        }
        return Credentials(username: username, password: password)
    }
}
