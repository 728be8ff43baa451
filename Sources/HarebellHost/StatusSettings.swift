/// Where a service serves probes, metrics and control, from `status.host` and `status.port`.
struct StatusSettings: Sendable, Hashable {
    /// The address to listen on.
    var host = "127.0.0.1"
    /// The port; 0 for a free one, nil for no server.
    var port: Int?

    init() {}

    init(reading reader: inout SettingsReader) {
        host = reader.string("status.host", default: host)
        port = reader.value("status.port", expected: "a port from 0 to 65535") { text in
            Int(text).flatMap { (0...65_535).contains($0) ? $0 : nil }
        }
        if port == nil, reader.string("status.host") != nil {
            reader.note("status.host is set but status.port is not: set both, or neither")
        }
    }
}
