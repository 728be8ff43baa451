/// The server that takes mail for delivery.
public struct MailRelay: Sendable {
    /// How the connection is encrypted when the URL's scheme is `smtp` (`smtps` always is).
    public enum StartTLS: String, Sendable, Hashable, CaseIterable {
        /// Encrypt, or fail.
        case required
        /// Encrypt if the server offers it; an attacker on the way can take the offer out.
        case opportunistic
        /// Never encrypt: for a server on this machine or network.
        case none
    }

    /// `smtp://host:587` or `smtps://host`.
    public var url: ServerURL
    /// What to do about encryption with `smtp://`.
    public var startTLS: StartTLS
    /// The user to log in as.
    public var credentials: Credentials?

    /// A server.
    public init(url: ServerURL, startTLS: StartTLS = .required, credentials: Credentials? = nil) {
        self.url = url
        self.startTLS = startTLS
        self.credentials = credentials
    }

    /// Why no mail can be sent through this server as it is described; nil if it can.
    public var problem: String? {
        guard url.scheme.hasPrefix("smtp") else { return "the mail server's URL must start with smtp:// or smtps://" }
        guard url.path == "/" else { return "the mail server's URL has a path" }
        guard credentials == nil || url.isEncrypted || startTLS == .required || url.isLoopback else {
            return "a password is sent to another machine only with smtps:// or required STARTTLS"
        }
        return credentials?.problem
    }
}
