extension Duration {
    /// The duration that a person writes: `500ms`, `30s`, `2m`, `1h30m`, `1.5s`; nil for anything else.
    ///
    /// Units are `us`, `ms`, `s`, `m` (or `min`), `h` and `d`; a bare `0` needs none.
    public init?(text: String) {
        guard text != "0" else {
            self = .zero
            return
        }
        var total = Duration.zero
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard digits.count <= 12, digits.first?.isNumber == true, digits.last?.isNumber == true,
                let number = Double(digits), let microseconds = Self.microseconds(in: unit)
            else { return nil }
            let part = (number * microseconds).rounded()
            // A century is more than anybody waits, and far from any overflow.
            guard part <= 100 * 366 * 86_400e6 else { return nil }
            total += .microseconds(Int64(part))
        }
        self = total
    }

    private static func microseconds(in unit: Substring) -> Double? {
        switch unit {
        case "us": 1
        case "ms": 1e3
        case "s": 1e6
        case "m", "min": 60e6
        case "h": 3_600e6
        case "d": 86_400e6
        default: nil
        }
    }

    /// The duration as a person writes it, the inverse of ``init(text:)``: `1m30s`.
    public var text: String {
        guard self > .zero else { return "0" }
        var rest = components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        var text = ""
        let units: [(name: String, microseconds: Int64)] = [
            ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1),
        ]
        for unit in units where rest >= unit.microseconds {
            text += "\(rest / unit.microseconds)\(unit.name)"
            rest %= unit.microseconds
        }
        return text
    }
}
