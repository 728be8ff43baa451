/// Splits bytes into lines; one that is longer than the limit is cut and the rest of it dropped.
struct LineSplitter {
    let limit: Int
    private var line: [UInt8] = []
    private var isCut = false

    init(limit: Int = 65_536) {
        self.limit = limit
    }

    mutating func append(_ bytes: some Collection<UInt8>) -> [String] {
        var lines: [String] = []
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            keep(rest[..<newline])
            lines.append(take())
            rest = rest[rest.index(after: newline)...]
        }
        keep(rest)
        return lines
    }

    /// What is left when the output ends without a line break.
    mutating func finish() -> String? { line.isEmpty ? nil : take() }

    private mutating func keep(_ bytes: some Collection<UInt8>) {
        let room = limit - line.count
        if bytes.count > room { isCut = true }
        line.append(contentsOf: bytes.prefix(room))
    }

    private mutating func take() -> String {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        defer {
            line.removeAll(keepingCapacity: true)
            isCut = false
        }
        return String(decoding: line, as: UTF8.self) + (isCut ? " …" : "")
    }
}
