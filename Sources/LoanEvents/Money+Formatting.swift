extension Money {
    /// The amount as people read it: `1 250 000,00 kr`, `99,50 EUR`, `1 000 JPY`.
    ///
    /// Digits are grouped by three and divided by integer arithmetic, so every `Int64` is shown exactly. It does not
    /// depend on the machine's locale: the same event gives the same text everywhere.
    ///
    /// - Parameter separator: What stands between the groups and before the unit. A no-break space unless told
    ///   otherwise, so that an amount is never torn apart at the end of a line.
    public func formatted(groupedBy separator: Character = "\u{A0}") -> String {
        let exponent = Self.exponent(of: currency)
        var digits = String(minorUnits.magnitude)
        if digits.utf8.count <= exponent {
            digits = String(repeating: "0", count: exponent + 1 - digits.utf8.count) + digits
        }
        let whole = digits.dropLast(exponent)
        let fraction = digits.suffix(exponent)

        var text = minorUnits < 0 ? "-" : ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index).isMultiple(of: 3) {
                text.append(separator)
            }
            text.append(digit)
        }
        if exponent > 0 {
            text.append(",")
            text.append(contentsOf: fraction)
        }
        text.append(separator)
        text.append(currency == "SEK" ? "kr" : currency)
        return text
    }
}

extension Money: CustomStringConvertible {
    /// The amount for logs, with plain spaces.
    public var description: String { formatted(groupedBy: " ") }
}
