import Foundation
import TestSupport
import Testing

/// The landing pages of the libraries.
@Suite struct `A documentation catalog` {
    /// Code without its indentation, which differs between a page and a function's body.
    private func lines(_ code: Substring) -> [Substring] {
        code.split(separator: "\n").map { $0.trimmingPrefix(/\s+/) }.filter { !$0.isEmpty }
    }

    @Test(arguments: ["HarebellRabbitMQ", "HarebellTesting", "HarebellHost", "Curl", "Signing"])
    func `shows code that is compiled`(module: String) throws {
        let page = try SourceText.file("Sources/\(module)/\(module).docc/\(module).md")
        let examples = page.matches(of: /```swift\n(.*?)```/.dotMatchesNewlines()).map { lines($0.1) }
        #expect(!examples.isEmpty)
        let sources = try ["Sources/ExampleSubscriber", "Tests"].flatMap { try SourceText.files(below: $0) }
        let compiled = try sources.map { lines(Substring(try SourceText.file($0))) }
        for example in examples {
            let isCompiled = compiled.contains { $0.contains(example) }
            #expect(isCompiled, "\(example.joined(separator: "\n"))")
        }
    }
}
