import Configuration

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads settings one by one and notes every problem instead of stopping at the first.
///
/// Each lookup returns a value even when something is wrong with it; ``SettingsSources/read(_:)`` throws the value away
/// then and reports all problems together.
public struct SettingsReader {
    let sources: SettingsSources
    private(set) var problems: [String] = []

    init(sources: SettingsSources) {
        self.sources = sources
    }

    /// A text, or nil when it is set nowhere.
    public mutating func string(_ name: String) -> String? {
        lookUp(SettingKey(name: name))?.text
    }

    /// A text.
    public mutating func string(_ name: String, default fallback: String) -> String {
        string(name) ?? fallback
    }

    /// The path of a file that can be read now, or nil when it is set nowhere.
    public mutating func readableFile(_ name: String) -> String? {
        let path = string(name)
        if let path, !FileManager.default.isReadableFile(atPath: path) {
            note("\(name) names \(String(reflecting: path)), which cannot be read")
        }
        return path
    }

    /// A text that must be set.
    public mutating func required(_ name: String) -> String {
        if let text = string(name) { return text }
        noteMissing(SettingKey(name: name))
        return ""
    }

    /// A value that must be set, made by a function whose error says what is wrong with the text.
    ///
    /// The text itself is not repeated in the problem: it may hold a password.
    ///
    /// - Parameters:
    ///   - name: The setting's name.
    ///   - expected: What the text must look like, for the problem: `https://host/path`.
    ///   - parse: Makes the value.
    public mutating func required<Value>(
        _ name: String, expected: String, parse: (String) throws -> Value
    ) -> Value? {
        let text = required(name)
        guard !text.isEmpty else { return nil }
        do {
            return try parse(text)
        } catch {
            note("\(name) cannot be used: \(error); expected \(expected)")
            return nil
        }
    }

    /// A whole number within a range.
    public mutating func int(_ name: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        value(name, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        } ?? fallback
    }

    /// A switch: `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`.
    public mutating func bool(_ name: String, default fallback: Bool) -> Bool {
        value(name, expected: "true or false") { text in
            switch text.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        } ?? fallback
    }

    /// A duration such as `500ms`, `30s` or `2m`, within a range.
    public mutating func duration(
        _ name: String, default fallback: Duration, in range: ClosedRange<Duration> = .zero ... .seconds(7 * 86_400)
    ) -> Duration {
        let expected = "a duration from \(range.lowerBound.text) to \(range.upperBound.text), such as 500ms, 30s or 2m"
        return value(name, expected: expected) { text in
            Duration(text: text).flatMap { range.contains($0) ? $0 : nil }
        } ?? fallback
    }

    /// Durations separated by commas, such as `1s,5s,30s`.
    public mutating func durations(
        _ name: String, default fallback: [Duration], in range: ClosedRange<Duration>
    ) -> [Duration] {
        let bounds = "from \(range.lowerBound.text) to \(range.upperBound.text)"
        return value(name, expected: "durations \(bounds) separated by commas, such as 1s,5s,30s") { text in
            let parts = text.split(separator: ",").map { part in
                Duration(text: String(part.filter { $0 != " " })).flatMap { range.contains($0) ? $0 : nil }
            }
            return parts.contains(nil) || parts.isEmpty ? nil : parts.compactMap { $0 }
        } ?? fallback
    }

    /// One of the cases of an enumeration.
    public mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, as type: Choice.Type = Choice.self
    ) -> Choice? {
        value(name, expected: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")) { text in
            Choice(rawValue: text.lowercased())
        }
    }

    /// A value that a function makes of the text; nil when it is set nowhere or not what was expected.
    ///
    /// - Parameters:
    ///   - name: The setting's name.
    ///   - expected: What the text must be, for the problem: `a whole number`.
    ///   - parse: Returns nil for a text it cannot use.
    public mutating func value<Value>(
        _ name: String, expected: String, parse: (String) throws -> Value?
    ) rethrows -> Value? {
        let key = SettingKey(name: name)
        guard let found = lookUp(key) else { return nil }
        if let value = try parse(found.text) { return value }
        // Whatever looks like an address may hold a password, so it is not repeated.
        let isShown = found.text.utf8.count <= 100 && !found.text.contains("@")
        let shown = isShown ? "is \(String(reflecting: found.text))" : "cannot be used"
        note("\(found.place) \(shown): expected \(expected)")
        return nil
    }

    /// A secret: the content of the file that `<name>File` names, else the text of `name`; without its last newline.
    ///
    /// A problem never shows it. On the command line only the file can be named.
    public mutating func secret(_ name: String) -> String? {
        let key = SettingKey(name: name + "File")
        guard let path = lookUp(key) else { return string(name) }
        guard let data = FileManager.default.contents(atPath: path.text), let text = String(data: data, encoding: .utf8)
        else {
            note("\(path.place) names \(String(reflecting: path.text)), which cannot be read as text")
            return nil
        }
        let secret = text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
        if secret.isEmpty { note("\(path.place) names \(String(reflecting: path.text)), which is empty") }
        return secret
    }

    /// Whether the command line says what a setting is.
    func isFlag(_ name: String) -> Bool {
        sources.sources.contains { source in
            guard case .flags = source.kind else { return false }
            return source.provider.text(for: AbsoluteConfigKey(ConfigKey(name))) != nil
        }
    }

    /// Notes a problem that only the caller can see, such as two settings that exclude each other.
    public mutating func note(_ problem: String) {
        if !problems.contains(problem) { problems.append(problem) }
    }

    /// Notes that a setting is missing, with the ways to set it.
    mutating func noteMissing(_ key: SettingKey) {
        let flag = sources.flagKeys.contains(key) ? "pass \(key.flag), " : ""
        let file = "or write \(key.filePath) into the --config file"
        note("\(key.name) is not set: \(flag)set \(key.environmentName), \(file)")
    }

    private struct Found {
        let text: String
        let place: String
    }

    private mutating func lookUp(_ key: SettingKey) -> Found? {
        for source in sources.sources {
            let absolute = AbsoluteConfigKey(ConfigKey(key.name))
            guard let text = source.provider.text(for: absolute) else { continue }
            let place =
                switch source.kind {
                case .flags: key.flag
                case .environment: key.environmentName
                case .file(let path): "\(key.name) in \(path)"
                }
            guard !text.isEmpty else {
                note("\(place) is empty: give it a value or leave it out")
                return nil
            }
            return Found(text: text, place: place)
        }
        return nil
    }
}

extension ConfigProvider {
    /// The value as text, whatever kind it has in the file: there `20` and `"20"` mean the same.
    fileprivate func text(for key: AbsoluteConfigKey) -> String? {
        for type in [ConfigType.string, .int, .double, .bool, .stringArray] {
            guard let content = try? value(forKey: key, type: type).value?.content else { continue }
            switch content {
            case .string(let text): return text
            case .int(let number): return String(number)
            case .double(let number): return String(number)
            case .bool(let flag): return String(flag)
            case .stringArray(let parts): return parts.joined(separator: ",")
            default: return nil
            }
        }
        return nil
    }
}
