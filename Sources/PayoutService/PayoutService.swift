import ArgumentParser
import Harebell
import HarebellHost
import Hummingbird
import Logging

@main
struct PayoutService: HostedService {
    static let service: ServiceName = "payout"
    static let summary = "Keeps loans, pays them out over HTTP, and publishes what happens to them."
    static let settings = PayoutSettings.explained

    @OptionGroup var options: HostOptions
    @Option(help: "The SQLite file with the loans. [HAREBELL_DATABASE] (default: payout.sqlite)")
    var database: String?
    @Option(help: "The address that the API listens on. [HAREBELL_HTTP_HOST] (default: 127.0.0.1)")
    var httpHost: String?
    @Option(help: "The port that the API listens on; 0 for a free one. [HAREBELL_HTTP_PORT] (default: 8080)")
    var httpPort: String?

    var flags: [String: String?] { ["database": database, "http.host": httpHost, "http.port": httpPort] }

    func start(_ host: Host) async throws {
        let settings = try host.read { PayoutSettings(reading: &$0) }
        let store = try await PayoutStore.open(path: settings.database)
        let health = RelayHealth()
        let relay = OutboxRelay(store: store, transport: host.transport, health: health, logger: host.logger)
        let server = PayoutServer.application(
            PayoutAPI(store: store, health: health), address: .hostname(settings.httpHost, port: settings.httpPort),
            logger: host.logger)
        // The last is stopped first: no request comes after the relay's last look.
        try await host.run(relay, server)
        try await store.close()
    }
}
