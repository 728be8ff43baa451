public import AMQP

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How to reach the broker, from `url`, `password` and the TLS settings.
public enum ConnectionSettings {
    /// Reads and checks them; nil when something is wrong, which the reader then reports.
    public static func read(_ reader: inout SettingsReader) -> AMQPConfiguration? {
        var configuration = address(&reader)
        if let password = reader.secret("password"), case .plain(let username, _)? = configuration?.credentials {
            configuration?.credentials = .plain(username: username, password: password)
        }
        if case .plain(let username, "")? = configuration?.credentials {
            reader.note(
                "the broker address names the user \(username) but no password is set: "
                    + "set HAREBELL_PASSWORD, or name a file with HAREBELL_PASSWORD_FILE or --password-file")
        }
        applyTLS(to: &configuration, &reader)
        return configuration
    }

    private static func address(_ reader: inout SettingsReader) -> AMQPConfiguration? {
        guard let url = reader.string("url") else {
            return AMQPConfiguration(hosts: [AMQPConfiguration.Host(name: "localhost")])
        }
        if reader.isFlag("url"), carriesPassword(url) { reader.note(passwordAdvice) }
        do {
            return try AMQPConfiguration(uri: url)
        } catch {
            reader.note("url: \(error.message)")
            return nil
        }
    }

    private static func applyTLS(to configuration: inout AMQPConfiguration?, _ reader: inout SettingsReader) {
        let files = ["caFile", "certificateFile", "keyFile"].map { name in reader.readableFile(name) }
        let serverName = reader.string("serverName")
        let isWanted = serverName != nil || files.contains { $0 != nil }
        guard isWanted, configuration != nil else { return }
        guard var tls = configuration?.tls else {
            reader.note("a certificate or server name is set but the address begins with amqp://: use amqps://")
            return
        }
        tls.caFile = files[0] ?? tls.caFile
        tls.certificateFile = files[1] ?? tls.certificateFile
        tls.keyFile = files[2] ?? tls.keyFile
        tls.serverName = serverName ?? tls.serverName
        if (tls.certificateFile == nil) != (tls.keyFile == nil) {
            reader.note("certificateFile and keyFile belong together: set both or neither")
        }
        configuration?.tls = tls
    }

    /// Whether an address carries a password, which the process list would show to everybody on the machine.
    static func carriesPassword(_ url: String) -> Bool {
        guard let start = url.firstRange(of: "://")?.upperBound else { return false }
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" }
        guard let end = authority.lastIndex(of: "@") else { return false }
        return authority[..<end].contains(":")
    }

    /// What to say about a password on the command line.
    static let passwordAdvice = """
        --url carries a password, which everybody on this machine can read in the process list: put the whole address \
        into HAREBELL_URL, or only the password into a file that --password-file names
        """
}
