#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// Instants as events and their headers write them: RFC 3339, with or without a fraction of a second.
package enum InternetTime {
    private static let precise = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    private static let whole = Date.ISO8601FormatStyle()

    /// The date that was written: of all doubles near a millisecond the one that ``Envelope`` keeps.
    ///
    /// What Harebell itself writes, `2026-11-23T10:11:12.345Z`, is read digit by digit, which takes a tenth of the time;
    /// every other form is Foundation's.
    package static func parse(_ text: String) -> Date? {
        if let date = parsePlain(text.utf8.span) { return date }
        if let date = try? precise.parse(text) {
            return Date(timeIntervalSince1970: (date.timeIntervalSince1970 * 1_000).rounded() / 1_000)
        }
        return try? whole.parse(text)
    }

    /// The date, if it is written as Harebell does, or without milliseconds; `nil` for every other form, and for what is no date.
    package static func parsePlain(_ text: Span<UInt8>) -> Date? {
        guard text.count == 24 || text.count == 20 else { return nil }
        var isPlain = true
        func number(_ range: Range<Int>) -> Int {
            var value = 0
            for place in range {
                let digit = text[place] &- UInt8(ascii: "0")
                isPlain = isPlain && digit < 10
                value = value &* 10 &+ Int(digit)
            }
            return value
        }
        func sign(_ place: Int, _ wanted: Unicode.Scalar) {
            isPlain = isPlain && text[place] == UInt8(ascii: wanted)
        }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        var milliseconds = 0
        sign(4, "-")
        sign(7, "-")
        sign(10, "T")
        sign(13, ":")
        sign(16, ":")
        sign(text.count - 1, "Z")
        if text.count == 24 {
            sign(19, ".")
            milliseconds = number(20..<23)
        }
        guard isPlain, year >= 1970, 1...12 ~= month, 1...days(in: month, of: year) ~= day, hour < 24, minute < 60,
            second < 60
        else { return nil }
        let seconds = ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
        return Date(timeIntervalSince1970: Double(seconds * 1_000 + milliseconds) / 1_000)
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// In the Gregorian calendar, with years that begin in March, so that the day that is sometimes missing is the last.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}
