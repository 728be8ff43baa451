import Harebell

/// The file name of a document.
///
/// Two different identifiers never share a name, and no identifier leaves the folder: every byte other than
/// `A–Z a–z 0–9 - _` is written as `%XX`, so there is no dot, no slash and no hidden file. An identifier too long for
/// a file name is replaced by its hash.
struct DocumentName: Hashable, Sendable {
    /// The name for the first payout of a loan: `<loan id>.pdf`.
    let primary: String

    /// The name when the first one belongs to another event: `<loan id>.<event id>.pdf`.
    let alternate: String

    init(loanID: String, eventID: EventID) {
        let event = Self.component(eventID.rawValue)
        let loan = loanID.isEmpty ? event : Self.component(loanID)
        self.primary = "\(loan).pdf"
        self.alternate = "\(loan).\(event).pdf"
    }

    private static let longest = 90

    private static func component(_ identifier: String) -> String {
        let escaped = escaped(identifier)
        guard escaped.isEmpty || escaped.utf8.count > longest else { return escaped }
        return "%" + EventID.derived(from: EventID(identifier), service: "pdf", handler: "name", index: 0).rawValue
    }

    /// Percent-encodes everything but letters, digits, `-` and `_`.
    static func escaped(_ identifier: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var escaped = ""
        for byte in identifier.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                escaped.append("%")
                escaped.append(digits[Int(byte >> 4)])
                escaped.append(digits[Int(byte & 15)])
            }
        }
        return escaped
    }
}
