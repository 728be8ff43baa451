import Foundation

/// The package's own files as text, for tests that hold what they say to what is true.
public enum SourceText {
    /// A line of code, without comments.
    public struct Line: Sendable {
        /// Where it stands.
        public let place: String
        /// What it says.
        public let text: String
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")

    /// A file's text.
    public static func file(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The paths of all Swift files below a folder.
    public static func files(below folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
            .filter { $0.hasSuffix(".swift") }.sorted().map { folder + "/" + $0 }
    }

    /// The lines of code of all Swift files below a folder, without those that are comments.
    public static func code(below folder: String) throws -> [Line] {
        try files(below: folder).flatMap { path in
            try file(path).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .filter { !$0.element.drop { $0 == " " }.hasPrefix("//") }
                .map { Line(place: "\(path):\($0.offset + 1)", text: String($0.element)) }
        }
    }

    /// The `--flags` that a text names.
    public static func flags(in text: String) -> [String] {
        text.matches(of: /(?:^|[^-A-Za-z0-9])(--[a-z][a-z-]+)/).map { String($0.1) }
    }
}
