import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension LogLine {
    /// The line in a format, ending in a newline; it holds no other.
    public func text(_ format: LogFormat, colours: Bool = false) -> String {
        switch format {
        case .json: json()
        case .pretty: pretty(colours: colours)
        }
    }

    /// One JSON object: `time` (RFC 3339, milliseconds, UTC), `level`, `logger`, `message`, then the fields.
    private func json() -> String {
        var line = ""
        line.reserveCapacity(512)
        line += "{\"time\":\"\(timestamp)\",\"level\":\"\(level.rawValue)\",\"logger\":\""
        Escaping.appendJSON(logger, to: &line)
        line += "\",\"message\":\""
        Escaping.appendJSON(message, to: &line)
        for field in fields {
            line += "\",\""
            Escaping.appendJSON(field.key, to: &line)
            line += "\":\""
            Escaping.appendJSON(field.value, to: &line)
        }
        line += "\"}\n"
        return line
    }

    /// `12:30:25.114 INFO  email  mail sent  event.id=0193… attempt=1`.
    private func pretty(colours: Bool) -> String {
        func style(_ code: String, _ text: String) -> String { colours ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
        let name = level.rawValue.uppercased()
        var line = style("2", String(timestamp.dropFirst(11).dropLast()))
        line += " " + style(level.colour, name + String(repeating: " ", count: max(0, 8 - name.count))) + " "
        var subject = ""
        Escaping.appendPretty(logger, to: &subject)
        line += style("1", subject) + "  "
        Escaping.appendPretty(message, to: &line)
        for (index, field) in fields.enumerated() {
            var key = ""
            Escaping.appendPretty(field.key, to: &key)
            line += (index == 0 ? "  " : " ") + style("2", key + "=")
            Self.appendValue(field.value, to: &line)
        }
        line += "\n"
        return line
    }

    /// A value that could be taken for more than one word is quoted.
    private static func appendValue(_ value: String, to line: inout String) {
        let needsQuotes = value.isEmpty || value.contains { $0 == " " || $0 == "\"" || $0 == "=" }
        guard needsQuotes else { return Escaping.appendPretty(value, to: &line) }
        var text = ""
        Escaping.appendPretty(value, to: &text)
        line += "\"" + text.replacing("\"", with: "\\\"") + "\""
    }

    private static let precise = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private var timestamp: String {
        time.formatted(Self.precise)
    }
}

extension Logger.Level {
    fileprivate var colour: String {
        switch self {
        case .trace, .debug: "2"
        case .info: "32"
        case .notice: "36"
        case .warning: "33"
        case .error: "31"
        case .critical: "1;31"
        }
    }
}
