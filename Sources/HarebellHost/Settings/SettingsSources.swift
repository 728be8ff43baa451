public import Configuration

/// Where settings come from: flags before environment before file.
public struct SettingsSources: Sendable {
    /// A source, with the words that name it in a problem.
    struct Source: Sendable {
        enum Kind: Sendable { case flags, environment, file(String) }
        let kind: Kind
        let provider: any ConfigProvider
    }

    let sources: [Source]
    /// The keys that have a flag, so that advice never names a flag that does not exist.
    let flagKeys: Set<SettingKey>

    /// The same sources as a reader of swift-configuration.
    public var reader: ConfigReader { ConfigReader(providers: sources.map(\.provider)) }

    /// Puts the sources together and reads the file, if one is named.
    ///
    /// - Parameters:
    ///   - flags: Setting names with what the command line gave for them; nil where it gave nothing.
    ///   - environment: The environment of the process.
    ///   - file: The path of a JSON file; else `HAREBELL_CONFIG` names it.
    /// - Throws: ``SettingsProblems`` when the file cannot be read or is no JSON object.
    public init(flags: [String: String?], environment: [String: String], file: String? = nil) async throws {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for case (let name, let value?) in flags {
            values[AbsoluteConfigKey(ConfigKey(name))] = ConfigValue(.string(value), isSecret: false)
        }
        // An empty variable is one that a compose file or a shell passed on unset.
        let variables = environment.filter { !$0.value.isEmpty }
        var sources = [
            Source(kind: .flags, provider: InMemoryProvider(name: "flags", values: values)),
            Source(
                kind: .environment,
                provider: EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "harebell")),
        ]
        if let path = file ?? variables["HAREBELL_CONFIG"] {
            let location = ConfigReader(
                provider: InMemoryProvider(values: ["filePath": ConfigValue(.string(path), isSecret: false)]))
            do {
                let provider = try await FileProvider<JSONSnapshot>(config: location)
                sources.append(Source(kind: .file(path), provider: provider))
            } catch {
                let given = file == nil ? "HAREBELL_CONFIG" : "--config"
                throw SettingsProblems([
                    "\(given) names \(String(reflecting: path)), which cannot be read as a JSON object: "
                        + "check the path, its permissions and its syntax"
                ])
            }
        }
        self.sources = sources
        self.flagKeys = Set(flags.keys.map { SettingKey(name: $0) })
    }

    /// Reads settings, collecting what is wrong; nothing is returned unless everything is right.
    public func read<Value>(_ body: (inout SettingsReader) throws -> Value) throws -> Value {
        var reader = SettingsReader(sources: self)
        let value = try body(&reader)
        guard reader.problems.isEmpty else { throw SettingsProblems(reader.problems) }
        return value
    }
}
