/// The `Message-ID` of the mail about an event: the same however often the event is handled.
///
/// Mail systems recognise a repeated message by it.
struct MessageID: Sendable, Hashable, CustomStringConvertible {
    /// `<left@right>`.
    let description: String

    /// - Parameters:
    ///   - eventID: any text; what may not stand in the left half is written as `=` and two hexadecimal digits.
    ///   - sender: whose domain the right half is in.
    init(eventID: String, sender: MailAddress) {
        let left = eventID.utf8.prefix(255).map { byte in
            let isSafe = MailAddress.isAtomByte(byte) && byte != UInt8(ascii: "=")
            let hex = String(byte, radix: 16, uppercase: true)
            return isSafe ? String(UnicodeScalar(byte)) : "=" + (hex.utf8.count == 1 ? "0" : "") + hex
        }
        let domain = sender.domain.utf8.allSatisfy { $0 < 0x80 } ? String(sender.domain) : "invalid"
        description = "<\(left.isEmpty ? "unknown" : left.joined())@harebell.\(domain)>"
    }
}
