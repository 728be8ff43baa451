import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Instants on the wire: RFC 3339 in UTC with milliseconds.
enum Timestamp {
    private static let precise = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    static func format(_ date: Date) -> String {
        // The format cuts, and a double just below a millisecond would lose it.
        (date + 0.0005).formatted(precise)
    }

    /// The date that was written: of all doubles near a millisecond the one that `Envelope` keeps.
    static func parse(_ text: String) -> Date? {
        InternetTime.parse(text)
    }

    /// The date, if it is written as Harebell does.
    static func parsePlain(_ text: Span<UInt8>) -> Date? {
        InternetTime.parsePlain(text)
    }

    /// Rounds up unless told otherwise: what is due then is never due early.
    static func milliseconds(_ date: Date, _ rule: FloatingPointRoundingRule = .up) -> Int64 {
        Int64((date.timeIntervalSince1970 * 1_000).rounded(rule))
    }

    static func date(milliseconds: Int64) -> Date {
        Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
    }
}
