#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The value of `Retry-After`: a number of seconds or a date in one of HTTP's three forms (RFC 9110 §10.2.3, §5.6.7).
enum RetryAfter {
    /// Longer waits are cut to this: a slip of the partner's must not park a report for a year.
    static let longest = Duration.seconds(86_400)

    /// The time to wait, never negative; nil for a value that is neither form.
    static func delay(_ text: String, now: Date) -> Duration? {
        if let seconds = number(text) { return min(.seconds(seconds), longest) }
        guard let date = date(text, now: now) else { return nil }
        // Rounded up: never early.
        let seconds = (date.timeIntervalSince1970 - now.timeIntervalSince1970).rounded(.up)
        return min(.seconds(max(0, seconds)), longest)
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func date(_ text: String, now: Date) -> Date? {
        let parts = text.split { $0 == " " || $0 == "," || $0 == "-" }
        switch parts.count {
        case 6 where parts[5] == "GMT":
            // Sun, 06 Nov 1994 08:49:37 GMT, or Sunday, 06-Nov-94 08:49:37 GMT.
            guard let year = year(parts[3], now: now) else { return nil }
            return date(year: year, month: parts[2], day: parts[1], time: parts[4])
        case 5:
            // Sun Nov  6 08:49:37 1994
            guard parts[4].utf8.count == 4, let year = number(parts[4]) else { return nil }
            return date(year: year, month: parts[1], day: parts[2], time: parts[3])
        default:
            return nil
        }
    }

    private static func date(year: Int, month: Substring, day: Substring, time: Substring) -> Date? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map {
            $0.utf8.count == 2 ? number($0) : nil
        }
        guard let month = months.firstIndex(where: { $0 == month }), let day = number(day), (1...31).contains(day),
            clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = days(year: year, month: month + 1, day: day)
        return Date(timeIntervalSince1970: Double(((days * 24 + hour) * 60 + minute) * 60 + second))
    }

    /// Days since 1 January 1970 in the proleptic Gregorian calendar; years start in March here, so that the leap day
    /// is the last of its year.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let month = (month + 9) % 12
        let dayOfYear = (153 * month + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }

    /// A year of four digits, or of two: then the last one that is not more than 50 years ahead.
    private static func year(_ text: Substring, now: Date) -> Int? {
        guard let number = number(text) else { return nil }
        switch text.utf8.count {
        case 4: return number
        case 2:
            let thisYear = 1970 + Int(now.timeIntervalSince1970 / 31_556_952)
            let year = thisYear / 100 * 100 + number
            if year > thisYear + 50 { return year - 100 }
            return year + 100 <= thisYear + 50 ? year + 100 : year
        default: return nil
        }
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}
