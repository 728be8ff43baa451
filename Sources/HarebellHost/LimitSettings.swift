import Harebell

/// The settings that bound what a service does at a time, and when it stops for an outage.
struct LimitSettings: Sendable {
    var concurrency: Int?
    var rateLimit: RateLimit?
    var maximumBodySize: Int?
    var maximumAge: Duration?
    var breakerFailures = 10
    var breakerLongestWait: Duration = .seconds(60)

    init() {}

    init(reading reader: inout SettingsReader, prefetch: Int) {
        concurrency = reader.value("concurrency", expected: "a whole number from 1 to the prefetch, \(prefetch)") {
            text in
            Int(text).flatMap { (1...prefetch).contains($0) ? $0 : nil }
        }
        rateLimit = reader.value("rateLimit", expected: "a number from 0.0001 to 1000000, such as 10 or 0.5") { text in
            Double(text).flatMap { (0.0001...1_000_000).contains($0) ? RateLimit(1, per: .seconds(1) / $0) : nil }
        }
        maximumBodySize = reader.value("maximumBodySize", expected: "a number of bytes") { text in
            Int(text).flatMap { $0 >= 0 ? $0 : nil }
        }
        maximumAge = reader.value("maximumAge", expected: "a duration above 0, such as 30s, 10m or 24h") { text in
            Duration(text: text).flatMap { $0 > .zero ? $0 : nil }
        }
        breakerFailures = reader.int("breaker.failures", default: breakerFailures, in: 0...1_000_000)
        breakerLongestWait = reader.duration(
            "breaker.longestWait", default: breakerLongestWait, in: .milliseconds(50) ... .seconds(3_600))
    }

    /// The breaker of a service that depends on something, unless it is switched off.
    func breaker(for dependency: String?) -> BreakerPolicy? {
        guard let dependency, breakerFailures > 0 else { return nil }
        return BreakerPolicy(
            dependency, consecutiveFailures: breakerFailures, firstWait: min(.seconds(1), breakerLongestWait),
            longestWait: breakerLongestWait)
    }
}
