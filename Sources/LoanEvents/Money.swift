/// An exact amount of money: a whole number of the currency's smallest unit.
///
/// There is no floating point on the way from the request to the PDF: `125000000` of `SEK` is 1 250 000,00 kr, and
/// ``formatted(groupedBy:)`` is the only place where a decimal sign appears.
public struct Money: Hashable, Sendable {
    /// The amount in minor units of the currency, such as öre or cents.
    public let minorUnits: Int64

    /// The ISO 4217 code of the currency: three capital letters.
    public let currency: String

    /// Makes an amount, or explains why the currency's code is none.
    public init(minorUnits: Int64, currency: String) throws(MoneyError) {
        guard Self.isWellFormed(currency: currency) else {
            throw MoneyError(message: "a currency is three capital letters as in ISO 4217, such as SEK")
        }
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// Whether a code has the form of ISO 4217.
    ///
    /// An event is decoded with this check only: a subscriber must not dead-letter the first event in a currency that
    /// was introduced after it was built. Whoever accepts new loans asks ``isActive(currency:)``.
    public static func isWellFormed(currency: String) -> Bool {
        currency.utf8.count == 3 && currency.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }
}

extension Money: Codable {
    private enum CodingKeys: CodingKey {
        case minorUnits, currency
    }

    /// Decodes and validates an amount; a fraction or a malformed currency is refused with its path.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let minorUnits = try container.decode(Int64.self, forKey: .minorUnits)
        let currency = try container.decode(String.self, forKey: .currency)
        do {
            try self.init(minorUnits: minorUnits, currency: currency)
        } catch {
            throw DecodingError.dataCorruptedError(
                forKey: .currency, in: container, debugDescription: error.message)
        }
    }
}

/// Says why something is no amount of money.
public struct MoneyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason, for people; it never repeats the input.
    public let message: String

    /// The reason, for logs.
    public var description: String { message }
}
