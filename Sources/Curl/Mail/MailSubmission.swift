/// One mail to hand to a server: the envelope and the message.
public struct MailSubmission: Sendable {
    /// The server.
    public var relay: MailRelay
    /// The envelope's sender, where bounces go: `name@host`, no display name.
    public var sender: String
    /// The envelope's recipients.
    ///
    /// If the server refuses one of them, nothing is sent to any.
    public var recipients: [String]
    /// The message (RFC 5322) with CRLF line ends; dots are doubled on the way as SMTP demands.
    public var message: [UInt8]
    /// Another timeout for the whole transfer than the configuration's.
    public var timeout: Duration?

    /// A mail.
    public init(
        relay: MailRelay, sender: String, recipients: [String], message: [UInt8], timeout: Duration? = nil
    ) {
        self.relay = relay
        self.sender = sender
        self.recipients = recipients
        self.message = message
        self.timeout = timeout
    }

    /// The server's URL, once the whole submission is found fit to be sent.
    func validated(by configuration: CurlConfiguration) throws(CurlError) -> ServerURL {
        if let problem = relay.problem {
            throw CurlError(.invalidRequest, problem)
        }
        guard !recipients.isEmpty else { throw CurlError(.invalidRequest, "the mail has no recipient") }
        for address in [sender] + recipients where !Self.isAddress(address) {
            throw CurlError(.invalidRequest, "an envelope address is not of the form name@host")
        }
        guard configuration.allows(relay.url) else {
            throw CurlError(.hostNotAllowed, "\(relay.url.host):\(relay.url.port) is not an allowed host")
        }
        return relay.url
    }

    /// Nothing that could end the address or its line; the rest is the server's to judge.
    ///
    /// UTF-8 is for SMTPUTF8.
    private static func isAddress(_ text: String) -> Bool {
        guard let at = text.lastIndex(of: "@"), at != text.startIndex, text[at...].utf8.count > 1 else { return false }
        let isClean = text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !"<>,;:\\\"()[]".utf8.contains($0) }
        return isClean && text.utf8.count <= 320
    }
}

/// The server's word that it took a mail over.
public struct MailReceipt: Sendable {
    /// The status, 250.
    public let status: Int
    /// The server's last line, which often names the mail in its queue.
    public let reply: String
}
