#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Directories for the owner only that are removed when this process ends, however it ends.
public enum TemporaryDirectory {
    /// Makes a new, empty directory with mode 0700 and returns its path.
    public static func make(prefix: String = "harebell") throws -> String {
        let base = FileManager.default.temporaryDirectory.path
        let path = (base.hasSuffix("/") ? base : base + "/") + "\(prefix)-\(randomToken(length: 12))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try Lifeline.shared.get().protect(directory: path)
        return path
    }

    /// Removes a directory that `make` made, with everything in it.
    public static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
        if let lifeline = try? Lifeline.shared.get() { lifeline.forget(directory: path) }
    }
}
