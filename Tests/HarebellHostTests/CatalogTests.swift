import Foundation
import TestSupport
import Testing

/// The landing pages of the libraries.
@Suite struct `A documentation catalog` {
    /// Code without its indentation, which differs between a page and a function's body.
    private func lines(_ code: Substring) -> [Substring] {
        code.split(separator: "\n").map { $0.trimmingPrefix(/\s+/) }.filter { !$0.isEmpty }
    }

    /// By module, the pages whose code is somewhere in the package.
    static let pages = [
        ("AMQP", "AMQP"), ("AMQP", "Connecting"), ("AMQP", "Publishing"), ("AMQP", "Consuming"),
        ("AMQP", "Handling-errors"), ("AMQP", "Recovering"), ("HarebellRabbitMQ", "HarebellRabbitMQ"),
        ("HarebellTesting", "HarebellTesting"), ("HarebellHost", "HarebellHost"), ("Curl", "Curl"),
        ("Signing", "Signing"),
    ]

    @Test(arguments: pages) func `shows code that is compiled`(module: String, name: String) throws {
        let page = try SourceText.file("Sources/\(module)/\(module).docc/\(name).md")
        let examples = page.matches(of: /```swift\n(.*?)```/.dotMatchesNewlines()).map { lines($0.1) }
        #expect(!examples.isEmpty)
        let sources = try ["Sources/ExampleSubscriber", "Tests"].flatMap { try SourceText.files(below: $0) }
        let compiled = try sources.map { lines(Substring(try SourceText.file($0))) }
        for example in examples {
            let isCompiled = compiled.contains { $0.contains(example) }
            #expect(isCompiled, "\(example.joined(separator: "\n"))")
        }
    }

    @Test func `has a place for every public type of the AMQP module`() throws {
        let page = try SourceText.file("Sources/AMQP/AMQP.docc/AMQP.md")
        let declaration = /^public (?:final class|struct|enum|actor|protocol|typealias) (\w+)/
        let names = try SourceText.code(below: "Sources/AMQP").compactMap { $0.text.firstMatch(of: declaration)?.1 }
        #expect(names.count > 15)
        for name in names { #expect(page.contains("- ``\(name)``"), "\(name)") }
    }
}
