import ArgumentParser
import TestSupport
import Testing

@testable import HarebellTool

/// Much work that waits for nothing: it gives way, or on two cores tests that measure time would be late for seconds.
@Suite struct `What the tool says about itself` {
    /// Every command.
    private static func commands(below command: any ParsableCommand.Type = HarebellCommand.self)
        -> [any ParsableCommand.Type]
    {
        [command] + command.configuration.subcommands.flatMap { commands(below: $0) }
    }

    /// The command lines of the tool that stand in a text: as examples, in quotes, behind a pipe.
    private func commandLines(in text: String) -> [[String]] {
        var text = text
        // What is put in at run time is an id or a name.
        text.replace(/\\\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)/, with: "something")
        return text.matches(of: /(?:^|[\s'"`\/(])(xargs )?harebell ([^'"`|)\n]+)/).compactMap { match in
            // An explanation stands two spaces behind its command.
            let command = match.2.split(separator: /\s{2,}/).first ?? ""
            return command.split(separator: " ").map(String.init) + (match.1 == nil ? [] : ["0199c3a1"])
        }
    }

    private func expectToParse(_ commandLines: [[String]], _ place: String) async {
        for words in commandLines {
            await Task.yield()
            #expect(throws: Never.self, "\(place): harebell \(words.joined(separator: " "))") {
                _ = try HarebellCommand.parseAsRoot(words)
            }
        }
    }

    @Test func `every example in a help text can be called`() async {
        var count = 0
        for command in Self.commands() {
            let examples = command.configuration.discussion.split(separator: "\n").flatMap {
                commandLines(in: String($0))
            }
            await expectToParse(examples, command._commandName)
            count += examples.count
        }
        #expect(count > 20)
    }

    @Test func `every command line that a message advises can be called`() async throws {
        var count = 0
        for folder in ["HarebellTool", "HarebellRabbitMQ", "HarebellOperations", "HarebellDevelopment", "HarebellHost"]
        {
            for line in try SourceText.code(below: "Sources/" + folder) {
                await Task.yield()
                let commands = commandLines(in: line.text)
                await expectToParse(commands, line.place)
                count += commands.count
            }
        }
        #expect(count > 30)
    }

    @Test func `every command line of the README can be called`() async throws {
        let lines = try SourceText.file("README.md").split(separator: "\n").flatMap { commandLines(in: String($0)) }
        await expectToParse(lines, "README.md")
        #expect(lines.count > 5)
    }

    @Test func `every flag that a message names exists`() async throws {
        var flags: Set<String> = []
        for command in Self.commands() {
            await Task.yield()
            flags.formUnion(
                SourceText.flags(
                    in: HarebellCommand.helpMessage(for: command, includeHidden: true, columns: 1_000)))
        }
        #expect(flags.count > 30)
        for line in try SourceText.code(below: "Sources/HarebellTool") {
            await Task.yield()
            for flag in SourceText.flags(in: line.text) { #expect(flags.contains(flag), "\(line.place): \(flag)") }
        }
    }

    @Test func `explanations fit a terminal of 80 columns`() {
        for command in Self.commands() {
            for line in command.configuration.discussion.split(separator: "\n") {
                // Flowing text may be wrapped, columns may not.
                #expect(!line.hasPrefix("  ") || line.count <= 80, "\(command._commandName): \(line)")
            }
        }
    }
}
