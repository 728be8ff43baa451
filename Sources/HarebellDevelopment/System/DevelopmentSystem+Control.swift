import HTTPTypes
import Hummingbird
import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

extension DevelopmentSystem {
    /// Opens the way in for other terminals: a port on loopback and a token that only this user can read.
    func startControl(_ running: Running, _ teardown: Teardown) async throws {
        let token = randomToken()
        let server = try await LoopbackServer.start(port: 0, logger: logger) { request, _ in
            await self.respond(to: request, token: token)
        }
        teardown.add { await server.stop() }
        try running.state.publish(
            StateDirectory.Control(
                port: server.port, token: token, processID: getpid(), brokerURL: running.broker.url,
                managementURL: running.broker.managementURL ?? "", payoutURL: running.payoutURL))
    }

    private func respond(to request: Request, token: String) async -> Response {
        // Every byte is compared: the time tells nothing about the token.
        guard Self.isEqual(request.headers[.authorization] ?? "", "Bearer \(token)") else {
            return Self.answer(.unauthorized, Array("the token is wrong".utf8))
        }
        do {
            var request = request
            let body = try await request.collectBody(upTo: 16_384)
            let command = try JSONDecoder().decode(ControlCommand.self, from: Data(Array(body.readableBytesView)))
            return Self.answer(.ok, try await perform(command))
        } catch {
            return Self.answer(.badRequest, Array("\(error)".utf8))
        }
    }

    private func perform(_ command: ControlCommand) async throws -> [UInt8] {
        let running = try running
        switch command {
        case .partner(let kind, let milliseconds):
            guard let behavior = ControlCommand.behavior(kind: kind, milliseconds: milliseconds) else {
                throw DevelopmentError(.requestFailed, "the partner knows no such behaviour: \(kind)")
            }
            try setPartner(behavior)
        case .broker(.kill): running.broker.kill()
        case .broker(.freeze): running.broker.freeze()
        case .broker(.thaw): running.broker.thaw()
        case .broker(.start):
            guard !running.broker.isRunning else {
                throw DevelopmentError(.invalidState, "the broker runs already")
            }
            try await startBroker()
        case .service(let name, let signal):
            guard running.supervisor.signal(signal, to: name) else {
                throw DevelopmentError(.invalidState, "no service of this name runs: \(name)")
            }
        case .status:
            return [UInt8](try JSONEncoder().encode(status(running)))
        }
        return []
    }

    private func status(_ running: Running) -> DevelopmentStatus {
        DevelopmentStatus(
            services: running.supervisor.services.map {
                .init(name: $0, processID: running.supervisor.processID(of: $0), statusURL: statusURL(of: $0))
            },
            isBrokerRunning: running.broker.isRunning, partner: running.partner.statistics,
            mails: running.sink.messages.count, payoutURL: running.payoutURL, mailDirectory: running.sink.directory,
            pdfDirectory: running.pdfDirectory)
    }

    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func answer(_ status: HTTPResponse.Status, _ body: [UInt8]) -> Response {
        Response(status: status, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}
