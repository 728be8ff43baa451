#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sizes and ages as people read them.
enum Units {
    /// `412 B`, `3.1 KiB`, `64 MiB`.
    static func size(_ bytes: some BinaryInteger) -> String {
        var value = Double(bytes)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1024 || unit == "TiB" {
                return unit == "B" || value >= 100 ? "\(Int(value.rounded())) \(unit)" : "\(tenths(value)) \(unit)"
            }
            value /= 1024
        }
        return "\(bytes) B"
    }

    /// `9s`, `5m`, `2h`, `3d`.
    static func age(of date: Date, now: Date = .init()) -> String {
        let seconds = max(0, Int(now.timeIntervalSince(date)))
        switch seconds {
        case ..<120: return "\(seconds)s"
        case ..<7_200: return "\(seconds / 60)m"
        case ..<172_800: return "\(seconds / 3_600)h"
        default: return "\(seconds / 86_400)d"
        }
    }

    /// `5 s`, `0.5 s`.
    static func seconds(_ duration: Duration) -> String { "\(tenths(duration / .seconds(1))) s" }

    /// One digit after the point, none when it is 0.
    static func tenths(_ value: Double) -> String {
        guard value.magnitude < 1e15 else { return "-" }
        let tenths = Int((value * 10).rounded())
        return tenths.isMultiple(of: 10) ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
