import HarebellObservability
import Logging

/// The settings that every service has, read and checked.
struct HostSettings: Sendable {
    var url = "amqp://localhost"
    var password: String?
    var caFile: String?
    var certificateFile: String?
    var keyFile: String?
    var serverName: String?
    var declares = true
    var failsFast = false
    var prefetch = 20
    var gracePeriod: Duration = .seconds(30)
    var handlerTimeout: Duration = .seconds(60)
    var retryDelays: [Duration] = Self.defaultDelays
    var retryRungs: [Duration] = Self.defaultDelays
    var logLevel: Logger.Level = .info
    var logFormat: LogFormat?

    static let defaultDelays: [Duration] = [
        .seconds(1), .seconds(5), .seconds(30), .seconds(120), .seconds(600), .seconds(3_600),
    ]

    init() {}

    init(reading reader: inout SettingsReader) {
        self.init()
        url = reader.string("url", default: url)
        password = reader.secret("password")
        caFile = reader.string("caFile")
        certificateFile = reader.string("certificateFile")
        keyFile = reader.string("keyFile")
        serverName = reader.string("serverName")
        declares = reader.bool("declare", default: declares)
        failsFast = reader.bool("failFast", default: failsFast)
        prefetch = reader.int("prefetch", default: prefetch, in: 1...65_535)
        gracePeriod = reader.duration("gracePeriod", default: gracePeriod, in: .zero ... .seconds(3_600))
        // Brokers close a channel whose delivery stays unacknowledged for half an hour.
        handlerTimeout = reader.duration(
            "handlerTimeout", default: handlerTimeout, in: .milliseconds(1) ... .seconds(600))
        let delays = Duration.milliseconds(50) ... .seconds(7 * 86_400)
        retryDelays = reader.durations("retry.delays", default: retryDelays, in: delays)
        retryRungs = reader.durations("retry.rungs", default: retryRungs, in: delays)
        if retryRungs != retryRungs.sorted() || Set(retryRungs).count != retryRungs.count {
            reader.note("retry.rungs must rise: each delay once, the shortest first")
        }
        logLevel = reader.choice("log.level") ?? logLevel
        logFormat = reader.choice("log.format")
        checkTLS(&reader)
    }

    private func checkTLS(_ reader: inout SettingsReader) {
        if (certificateFile == nil) != (keyFile == nil) {
            reader.note("certificateFile and keyFile belong together: set both or neither")
        }
        let usesTLS = caFile != nil || certificateFile != nil || serverName != nil
        if usesTLS && url.hasPrefix("amqp://") {
            reader.note("a certificate is configured but the address begins with amqp://: use amqps://")
        }
    }

    /// Whether an address carries a password, which the process list would show to everybody on the machine.
    static func carriesPassword(_ url: String) -> Bool {
        guard let start = url.firstRange(of: "://")?.upperBound else { return false }
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" }
        guard let end = authority.lastIndex(of: "@") else { return false }
        return authority[..<end].contains(":")
    }

    static let passwordAdvice = """
        --url carries a password, which everybody on this machine can read in the process list: put the whole address \
        into HAREBELL_URL, or only the password into a file that --password-file names
        """
}
