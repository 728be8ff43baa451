import Foundation
import Testing

@Suite struct `The README` {
    private func text(_ path: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        return try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    @Test func `shows the example subscriber as it is compiled, in 20 lines`() throws {
        let example = try text("Sources/ExampleSubscriber/ExampleSubscriber.swift")
        #expect(try text("README.md").contains("```swift\n\(example)```"))
        #expect(example.split(separator: "\n", omittingEmptySubsequences: false).dropLast().count <= 20)
    }

    @Test func `shows a handler that compiles`() throws {
        let source = try text("Tests/HarebellHostTests/ReadmeHandler.swift")
        let start = try #require(source.firstRange(of: "struct ReserveFunds")?.lowerBound)
        #expect(try text("README.md").contains("```swift\n\(source[start...])```"))
    }

    @Test func `names only paths that exist`() throws {
        let readme = try text("README.md")
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        for match in readme.matches(of: /`((?:Sources|Ops|Tests)\/[A-Za-z\/.]+)`/) {
            let path = root.appending(path: String(match.1)).path
            #expect(FileManager.default.fileExists(atPath: path), "\(match.1)")
        }
    }
}
