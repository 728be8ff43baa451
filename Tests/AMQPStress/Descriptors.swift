#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The open descriptors of this process.
enum Descriptors {
    /// How many there are.
    static var count: Int {
        // Listing the folder opens one more.
        ((try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd").count) ?? 1) - 1
    }
}
