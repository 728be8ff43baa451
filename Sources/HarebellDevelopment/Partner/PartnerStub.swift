import HTTPTypes
import Hummingbird
public import Logging
import NIOCore
public import Signing
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An HTTP server on loopback in the place of the partner who is told about loans.
///
/// It checks the signature of every request, remembers it, counts duplicates and inversions of order, and answers as
/// it is told to, which may change at any time.
public final class PartnerStub: Sendable {
    private struct State {
        var ledger = PartnerLedger()
        /// Set when the behaviour changes: requests that hang are let go.
        var release = OneShot<Void>()
    }

    private let core: Core
    private let server: LoopbackServer

    /// The port on 127.0.0.1.
    public var port: Int { server.port }
    /// Where loan reports are posted.
    public var url: String { "http://127.0.0.1:\(port)/loans" }
    /// Every request so far, oldest first.
    public var requests: [PartnerRequest] { core.state.withLock { $0.ledger.requests } }
    /// What was counted so far.
    public var statistics: PartnerStatistics { core.state.withLock { $0.ledger.statistics } }
    /// How it answers now.
    public var behavior: PartnerBehavior {
        core.state.withLock { $0.ledger.schedule.current(now: .now) }
    }

    private init(core: Core, server: LoopbackServer) {
        self.core = core
        self.server = server
    }

    /// Starts to listen.
    ///
    /// - Parameters:
    ///   - port: the port on 127.0.0.1; 0 takes a free one.
    ///   - secrets: what requests are signed with; with none, signatures are not checked.
    public static func start(
        port: Int = 0, secrets: [StandardWebhooks.Secret] = [], logger: Logger
    ) async throws -> PartnerStub {
        let core = Core(verifier: secrets.isEmpty ? nil : StandardWebhooks.Verifier(secrets: secrets))
        let server = try await LoopbackServer.start(port: port, logger: logger) { request, _ in
            try await core.respond(to: request)
        }
        return PartnerStub(core: core, server: server)
    }

    /// Answers like this from now on, and lets requests go that hang.
    public func behave(_ behavior: PartnerBehavior) {
        core.change { $0.schedule.set(behavior, now: .now) }
    }

    /// Answers the next requests about one loan like this, whatever the others get.
    public func behave(_ behavior: PartnerBehavior, forLoan loan: String, requests: Int = .max) {
        core.change { $0.schedule.set(behavior, forLoan: loan, requests: requests) }
    }

    /// Answers every loan like the others again.
    public func removeExceptions() {
        core.change { $0.schedule.removeExceptions() }
    }

    /// Forgets all requests and counts; the behaviour stays.
    public func forget() {
        core.state.withLock { $0.ledger.forget() }
    }

    /// The requests from now on, each when its answer is decided; the stream ends with the stub.
    public func arrivals() -> AsyncStream<PartnerRequest> { core.arrivals.stream() }

    /// Closes the port and every connection.
    public func stop() async {
        core.change { $0.schedule.set(.ok, now: .now) }
        await server.stop()
        core.arrivals.finish()
    }

    private final class Core: Sendable {
        let state = Mutex(State())
        let arrivals = Broadcast<PartnerRequest>()
        private let verifier: StandardWebhooks.Verifier?

        init(verifier: StandardWebhooks.Verifier?) {
            self.verifier = verifier
        }

        func change(_ body: (inout PartnerLedger) -> Void) {
            let released = state.withLock { state in
                body(&state.ledger)
                defer { state.release = OneShot() }
                return state.release
            }
            released.set(())
        }

        func respond(to request: Request) async throws -> Response {
            guard request.method == .post else { return Self.response(405, "only POST is answered here") }
            var request = request
            guard let body = try? await request.collectBody(upTo: 1 << 20) else {
                return Self.response(413, "a report has at most 1 MiB")
            }
            let call = call(request, body: Array(body.readableBytesView))
            let (answer, recorded, release) = state.withLock { state in
                let (answer, recorded) = state.ledger.record(call, at: Date(), now: .now)
                return (answer, recorded, state.release)
            }
            arrivals.send(recorded)
            if answer == .hang {
                try await request.body.consumeWithCancellationOnInboundClose { _ in _ = await release.value() }
                return Self.response(503, "the partner had gone to sleep")
            }
            var response = Self.response(answer.status, answer.detail)
            if case .retryAfter(let seconds) = answer { response.headers[.retryAfter] = "\(seconds)" }
            return response
        }

        private func call(_ request: Request, body: [UInt8]) -> PartnerLedger.Call {
            func field(_ names: String...) -> String {
                names.compactMap { HTTPField.Name($0).flatMap { request.headers[$0] } }.first ?? ""
            }
            let headers = StandardWebhooks.Headers(
                id: field(StandardWebhooks.HeaderName.id), timestamp: field(StandardWebhooks.HeaderName.timestamp),
                signature: field(StandardWebhooks.HeaderName.signature))
            return PartnerLedger.Call(
                path: request.uri.path, report: Result { try PartnerReport(body: body) },
                idempotencyKey: field("Idempotency-Key"), correlationID: field("X-Correlation-ID", "Correlation-ID"),
                webhookID: headers.id, signature: verify(headers, body: body), body: body)
        }

        private func verify(_ headers: StandardWebhooks.Headers, body: [UInt8]) -> PartnerRequest.Signature {
            guard let verifier else { return .unchecked }
            do {
                try verifier.verify(headers, body: body, now: Int64(Date().timeIntervalSince1970))
                return .valid
            } catch {
                return .invalid(error.description)
            }
        }

        private static func response(_ status: Int, _ detail: String) -> Response {
            let json = (try? JSONEncoder().encode(["detail": detail])).map { [UInt8]($0) } ?? []
            return Response(
                status: .init(code: status), headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(bytes: json)))
        }
    }
}
