/// Names and values as the text format allows them.
enum PrometheusName {
    /// A metric's name: letters, digits, `_` and `:`; everything else becomes `_`.
    static func metric(_ label: String) -> String {
        valid(label) { isLetterOrDigit($0) || $0 == UInt8(ascii: ":") }
    }

    /// A label's name: letters, digits and `_`; everything else becomes `_`.
    static func label(_ name: String) -> String {
        let valid = valid(name, isLetterOrDigit)
        // Two underscores at the start are Prometheus' own.
        return valid.hasPrefix("__") ? "dimension\(valid)" : valid
    }

    /// A label's value, without what would end it or its line, at most 256 bytes.
    static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.capped(at: 256).unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func valid(_ text: String, _ isAllowed: (UInt8) -> Bool) -> String {
        let underscore = UInt8(ascii: "_")
        var bytes = text.utf8.prefix(200).map { isAllowed($0) ? $0 : underscore }
        if bytes.first.map({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) ?? true {
            bytes.insert(underscore, at: 0)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
