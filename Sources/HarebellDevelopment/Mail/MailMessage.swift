#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A message that the mail sink keeps.
public struct MailMessage: Sendable, Hashable {
    /// The file with the message's exact bytes.
    public let path: String
    /// When it was kept.
    public let receivedAt: Date
    /// The sender that the client named to the server; empty for the null sender.
    public let envelopeSender: String
    /// The recipients that the client named to the server.
    public let recipients: [String]
    /// How many bytes it has.
    public let size: Int
    /// Its header fields.
    public let headers: MailHeaders

    /// `Message-ID`, with its angle brackets; empty if there is none.
    public var messageID: String { headers["Message-ID"] ?? "" }
    /// `From`, decoded.
    public var from: String { headers["From"] ?? "" }
    /// `To`, decoded.
    public var to: String { headers["To"] ?? "" }
    /// `Subject`, decoded.
    public var subject: String { headers["Subject"] ?? "" }
}
