/// A mailbox: an address that is one, and a name that may be anything.
struct MailAddress: Sendable, Hashable {
    /// The name as the person writes it; made harmless when it is written into a header.
    let name: String
    /// `local@domain`, checked.
    let address: String

    /// Makes a mailbox, or says what is wrong with the address without repeating it.
    init(name: String = "", address: String) throws(MailAddressError) {
        guard let at = address.lastIndex(of: "@") else { throw MailAddressError(message: "it has no @") }
        let local = address[..<at]
        let domain = address[address.index(after: at)...]
        guard (1...64).contains(local.utf8.count), address.utf8.count <= 254 else {
            throw MailAddressError(message: "it is too long, or nothing stands before the @")
        }
        guard Self.isDotted(local, of: Self.isAtomScalar) else {
            throw MailAddressError(message: "what stands before the @ holds a character or a dot that may not be there")
        }
        guard Self.isDotted(domain, of: Self.isDomainScalar), !domain.hasPrefix("-"), !domain.hasSuffix("-") else {
            throw MailAddressError(message: "what stands behind the @ is not a domain")
        }
        self.name = name
        self.address = address
    }

    /// Reads `Name <local@domain>` or `local@domain`.
    init(parsing text: String) throws(MailAddressError) {
        guard text.hasSuffix(">"), let opening = text.lastIndex(of: "<") else {
            try self.init(address: text)
            return
        }
        var name = HeaderText.singleLine(String(text[..<opening]))
        if name.count >= 2, name.hasPrefix("\""), name.hasSuffix("\"") {
            name = String(name.dropFirst().dropLast())
        }
        try self.init(name: name, address: String(text[text.index(after: opening)...].dropLast()))
    }

    /// What stands behind the @.
    var domain: Substring { address[(address.lastIndex(of: "@").map(address.index(after:)) ?? address.endIndex)...] }

    /// The value of an address field, folded for a line that starts with `name: `.
    func header(in field: String) -> String {
        let phrase = HeaderText.phrase(name, in: field)
        guard !phrase.isEmpty else { return address }
        let lastLine = phrase.utf8.reversed().prefix { $0 != 0x0A }.count
        let start = phrase.contains("\r\n") ? 0 : field.utf8.count + 2
        let fits = start + lastLine + address.utf8.count + 3 <= 76
        return phrase + (fits ? " " : "\r\n ") + "<\(address)>"
    }

    /// RFC 5322 §3.2.3, `atext`.
    static func isAtomByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
        }
    }

    /// Outside ASCII (RFC 6532) letters, digits, marks and symbols: nothing invisible, no kind of space.
    private static func isAtomScalar(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return isAtomByte(UInt8(scalar.value)) }
        return switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            false
        default: true
        }
    }

    private static func isDomainScalar(_ scalar: Unicode.Scalar) -> Bool {
        isAtomScalar(scalar)
            && (!scalar.isASCII || scalar == "-" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    }

    /// Parts separated by single dots, each of allowed characters.
    private static func isDotted(_ text: Substring, of isAllowed: (Unicode.Scalar) -> Bool) -> Bool {
        text.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0.allSatisfy(isAllowed)
        }
    }
}

/// Why a text is no mail address; it never repeats the text.
struct MailAddressError: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
