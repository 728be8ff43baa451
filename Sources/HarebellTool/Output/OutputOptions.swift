import ArgumentParser

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a list is printed.
struct OutputOptions: ParsableArguments {
    /// The formats.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table
        case wide
        case json
        case ndjson
        case name
    }

    @Option(name: [.customShort("o"), .long], help: "table, wide, json, ndjson or name (ids only).")
    var output: Format = .table

    @Flag(help: "Leave out the table's header.")
    var noHeaders = false

    /// Prints a list in the format asked for.
    ///
    /// - Parameters:
    ///   - items: What to print, as JSON prints it.
    ///   - name: The id or name of an item: an argument for another command.
    ///   - table: The table, wide or not.
    func print<Item: Encodable>(_ items: [Item], name: (Item) -> String, table: (_ isWide: Bool) -> Table) throws {
        switch output {
        case .table, .wide:
            let lines = table(output == .wide).lines(showsHeader: !noHeaders, width: Terminal.width)
            for line in lines { Terminal.out(line) }
        case .json:
            Terminal.out(try JSONOutput.text(items, isPretty: true))
        case .ndjson:
            for item in items { Terminal.out(try JSONOutput.text(item, isPretty: false)) }
        case .name:
            let names = items.map { SafeText.argument(name($0)) }
            for name in names.compactMap(\.self) { Terminal.out(name) }
            let hidden = names.count { $0 == nil }
            if hidden > 0 {
                Terminal.note("\(hidden) more with names that are not safe as arguments: see -o json")
            }
        }
    }
}

/// JSON for machines: sorted keys, RFC 3339 in UTC, and nothing in it that a terminal would obey.
enum JSONOutput {
    static func text(_ value: some Encodable, isPretty: Bool) throws -> String {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting =
            isPretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        return SafeText.json(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
