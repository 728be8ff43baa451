#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A step of AUTH PLAIN (RFC 4616) or AUTH LOGIN.
enum SMTPAuthentication: Hashable {
    case plain(MailSink.Credentials)
    case loginUser(MailSink.Credentials)
    case loginPassword(MailSink.Credentials, user: String)

    enum Outcome: Hashable {
        /// The server asks and waits for a line.
        case ask(SMTPAuthentication)
        case accepted, refused, malformed
    }

    init?(mechanism: String, credentials: MailSink.Credentials) {
        switch mechanism {
        case "PLAIN": self = .plain(credentials)
        case "LOGIN": self = .loginUser(credentials)
        default: return nil
        }
    }

    /// What the server asks, in base64.
    var challenge: String {
        switch self {
        case .plain: ""
        case .loginUser: Data("Username:".utf8).base64EncodedString()
        case .loginPassword: Data("Password:".utf8).base64EncodedString()
        }
    }

    /// What follows from the client's line.
    func answered(_ line: String) -> Outcome {
        // "=" stands for an empty first response, "*" gives up.
        guard line != "*", let data = line == "=" ? Data() : Data(base64Encoded: line) else { return .malformed }
        let text = String(decoding: data, as: UTF8.self)
        switch self {
        case .plain(let credentials):
            let parts = text.split(separator: "\0", omittingEmptySubsequences: false)
            guard parts.count == 3 else { return .malformed }
            return parts[1] == credentials.user && parts[2] == credentials.password ? .accepted : .refused
        case .loginUser(let credentials):
            return .ask(.loginPassword(credentials, user: text))
        case .loginPassword(let credentials, let user):
            return user == credentials.user && text == credentials.password ? .accepted : .refused
        }
    }
}
