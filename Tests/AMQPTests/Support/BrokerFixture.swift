import TestSupport
import Testing

@testable import AMQP

/// Runs a test with a connection to a virtual host of its own, and closes it afterwards.
func withConnection<R>(
    _ change: (inout AMQPConfiguration) -> Void = { _ in }, _ body: (AMQPConnection) async throws -> R
) async throws -> R {
    try await withVirtualHost { url in
        var configuration = try AMQPConfiguration(uri: url)
        change(&configuration)
        let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }
}

/// The AMQP error a body throws.
func failure(of body: () async throws -> Void) async -> AMQPError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? AMQPError ?? AMQPError(.malformed, "another error", underlying: error)
    }
}

extension AMQPChannel {
    /// A transient queue for one test.
    func declareTestQueue(_ name: String = uniqueName("queue"), arguments: FieldTable = [:]) async throws -> String {
        try await declareQueue(name, durable: false, arguments: arguments).name
    }
}
