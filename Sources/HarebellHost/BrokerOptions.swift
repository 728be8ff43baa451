public import ArgumentParser

/// The command line options that say which broker is meant, for services and for tools.
///
/// ``ConnectionSettings/read(_:)`` makes a connection's configuration of them, of the environment and of the file.
public struct BrokerOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            """
            The broker's address without a password. [HAREBELL_URL] \
            (default: amqp://localhost; for 'harebell' the 'harebell dev' that runs in this directory)
            """,
            valueName: "address"))
    var url: String?
    @Option(
        help: ArgumentHelp(
            "A file that holds the broker password and nothing else. [HAREBELL_PASSWORD_FILE]",
            valueName: "file"))
    var passwordFile: String?
    @Option(
        help: ArgumentHelp(
            "Certificates to trust instead of the system's, in PEM. [HAREBELL_CA_FILE]",
            valueName: "file"))
    var caFile: String?
    @Option(
        help: ArgumentHelp(
            "Our certificate chain for the broker, in PEM. [HAREBELL_CERTIFICATE_FILE]",
            valueName: "file"))
    var certificateFile: String?
    @Option(
        help: ArgumentHelp(
            "The private key of our certificate, in PEM. [HAREBELL_KEY_FILE]",
            valueName: "file"))
    var keyFile: String?
    @Option(
        help: ArgumentHelp(
            "The name to expect in the broker's certificate. [HAREBELL_SERVER_NAME] (default: the host's)",
            valueName: "name"))
    var serverName: String?
    @Option(
        help: ArgumentHelp(
            "A JSON file with settings. [HAREBELL_CONFIG]",
            valueName: "file"))
    var config: String?

    /// Creates options as if nothing was given on the command line.
    public init() {}

    /// The file that `--config` names.
    public var file: String? { config }

    /// Setting names with what was given for them.
    public var flags: [String: String?] {
        [
            "url": url, "passwordFile": passwordFile, "caFile": caFile, "certificateFile": certificateFile,
            "keyFile": keyFile, "serverName": serverName,
        ]
    }
}
