import HarebellHost

/// Where the loans are kept and where the API listens.
struct PayoutSettings: Sendable {
    var database = "payout.sqlite"
    var httpHost = "127.0.0.1"
    var httpPort = 8080

    static let explained = [
        ServiceSetting(
            "database", "The SQLite file with the loans; made when it is missing.", default: "payout.sqlite"),
        ServiceSetting("http.host", "The address that the API listens on.", default: "127.0.0.1"),
        ServiceSetting("http.port", "The port that the API listens on; 0 for a free one.", default: "8080"),
    ]

    init(reading reader: inout SettingsReader) {
        database = reader.string("database", default: database)
        httpHost = reader.string("http.host", default: httpHost)
        httpPort = reader.int("http.port", default: httpPort, in: 0...65_535)
    }
}
