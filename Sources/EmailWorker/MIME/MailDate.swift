#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Dates in mail, always in UTC and in English, whatever the machine's locale.
enum MailDate {
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Mon, 23 Nov 2026 06:00:30 +0000` (RFC 5322 §3.3).
    static func header(_ date: Date) -> String {
        let (year, month, day, time) = parts(date)
        let days = Int((date.timeIntervalSince1970 / 86_400).rounded(.down))
        // 1 January 1970 was a Thursday.
        let weekday = weekdays[((days % 7) + 7) % 7]
        return "\(weekday), \(day) \(months[(month - 1) % 12]) \(year) \(time) +0000"
    }

    /// `2026-11-23 06:00 UTC`, for people.
    static func text(_ date: Date) -> String {
        let text = date.formatted(.iso8601)
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
    }

    private static func parts(_ date: Date) -> (year: Substring, month: Int, day: Int, time: Substring) {
        // Always YYYY-MM-DDThh:mm:ssZ.
        let text = date.formatted(.iso8601)
        let numbers = text.prefix(10).split(separator: "-")
        guard numbers.count == 3, let month = Int(numbers[1]), let day = Int(numbers[2]) else {
            return ("1970", 1, 1, "00:00:00")
        }
        return (numbers[0], max(month, 1), day, text.dropFirst(11).prefix(8))
    }
}
