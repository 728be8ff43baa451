import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// The API as a server.
enum PayoutServer {
    /// A server that, when it is asked to stop, takes no new connection and answers what it has read.
    static func application(
        _ api: PayoutAPI, address: BindAddress, logger: Logger
    ) -> some ApplicationProtocol {
        // A client that sends nothing for so long is gone, or wants to keep us from stopping.
        let http = HTTP1Channel.Configuration(
            idleTimeout: .seconds(30),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))
        return Application(
            router: api.router(), server: .http1(configuration: http),
            configuration: ApplicationConfiguration(address: address, serverName: "payout"), logger: logger)
    }
}
