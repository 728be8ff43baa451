#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The resident memory of a process in KiB, as Linux tells it; nil elsewhere.
func residentKiB(of processID: Int32) -> Int? {
    // Files of /proc have no size to read up to.
    guard let data = FileManager.default.contents(atPath: "/proc/\(processID)/status") else { return nil }
    return String(decoding: data, as: UTF8.self).split(separator: "\n")
        .first { $0.hasPrefix("VmRSS:") }
        .flatMap { Int($0.filter(\.isNumber)) }
}
