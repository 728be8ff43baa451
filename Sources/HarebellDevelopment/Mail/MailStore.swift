import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A folder of `.eml` files, in which a file is either whole or not there.
final class MailStore: Sendable {
    private let directory: String
    private let sequence = Atomic(0)
    /// Keeps names of several runs in one folder apart.
    private let run = randomToken(length: 6)

    init(directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Writes a message; blocks, so it is called on a thread for that.
    func keep(_ envelope: SMTPEnvelope) throws -> MailMessage {
        let number = sequence.wrappingAdd(1, ordering: .relaxed).newValue
        let now = Date()
        let digits = String(number)
        let name = "\(Self.stamp(now))-\(run)-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).eml"
        let (path, temporary) = ("\(directory)/\(name)", "\(directory)/.\(name).part")
        let created = FileManager.default.createFile(
            atPath: temporary, contents: Data(envelope.content), attributes: [.posixPermissions: 0o600])
        guard created, rename(temporary, path) == 0 else {
            unlink(temporary)
            throw DevelopmentError(.requestFailed, "cannot write \(path)")
        }
        return MailMessage(
            path: path, receivedAt: now, envelopeSender: envelope.sender, recipients: envelope.recipients,
            size: envelope.content.count, headers: MailHeaders(message: envelope.content))
    }

    /// `20260131T235959Z`, so that files sort by time.
    private static func stamp(_ date: Date) -> String {
        date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
    }
}
