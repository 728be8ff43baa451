import HTTPTypes
import Harebell
import Hummingbird
import LoanEvents
import Logging
import NIOCore

/// The HTTP API: reads a request, lets the store decide, answers.
///
/// An answer is given as soon as the loan and its event are durable here. Whether the broker or any subscriber is up
/// makes no difference to it.
struct PayoutAPI: Sendable {
    /// No request is larger.
    static let bodyLimit = 16 << 10

    let store: PayoutStore
    let health: RelayHealth

    /// The routes.
    func router() -> Router<PayoutContext> {
        let router = Router(context: PayoutContext.self)
        router.add(middleware: KnownMethodMiddleware())
        router.add(middleware: TracingMiddleware())
        router.add(middleware: MetricsMiddleware())
        router.add(middleware: CorrelationMiddleware())
        add("/loans", .post, to: router) { request, context in
            try await change(request, context) { try LoanCommand.readCreate($0) }
        }
        add("/loans/:id", .get, to: router) { request, context in
            let loan = try await store.loan(try context.parameters.require("id"))
            guard let loan else { throw Problem.noSuchLoan }
            return Self.answer(.ok, try json(LoanView(loan)))
        }
        add("/loans/:id/payout", .post, to: router) { request, context in
            let id = try context.parameters.require("id")
            return try await change(request, context) { try LoanCommand.readPayOut(id, $0) }
        }
        add("/loans/:id/cancel", .post, to: router) { request, context in
            let id = try context.parameters.require("id")
            return try await change(request, context) { try LoanCommand.readCancel(id, $0) }
        }
        add("/livez", .get, to: router) { _, _ in try livez() }
        add("/readyz", .get, to: router) { _, _ in try await readyz() }
        return router
    }

    /// Adds a route, and says 405 for the other methods of its path.
    private func add(
        _ path: RouterPath, _ method: HTTPRequest.Method, to router: Router<PayoutContext>,
        _ handler: @escaping @Sendable (Request, PayoutContext) async throws -> Response
    ) {
        router.on(path, method: method, use: handler)
        for other in [HTTPRequest.Method.get, .post, .put, .patch, .delete] where other != method {
            router.on(path, method: other) { _, _ -> Response in throw Problem.methodNotAllowed([method]) }
        }
    }

    // MARK: - Changing loans

    private func change(
        _ request: Request, _ context: PayoutContext, _ read: (JSONValue) throws -> LoanCommand
    ) async throws -> Response {
        let key = try Self.idempotencyKey(of: request)
        let command = try read(try await Self.body(of: request))
        let outcome = try await store.execute(
            command, key: key, correlationID: context.correlationID,
            trace: TraceContext.current(orElse: Self.trace(of: request)))

        var response = Self.answer(.init(code: outcome.status), outcome.body)
        response.headers[.correlationID] = outcome.correlationID
        if outcome.status == HTTPResponse.Status.created.code {
            response.headers[.location] = "/loans/\(outcome.loanID)"
        }
        if outcome.isReplayed {
            response.headers[.idempotencyReplayed] = "true"
        }
        var metadata: Logger.Metadata = ["loan_id": "\(outcome.loanID)", "event_id": "\(outcome.eventID)"]
        if outcome.isReplayed {
            metadata["correlation_original"] = "\(outcome.correlationID)"
        }
        context.logger.info(
            outcome.isReplayed ? "answered from the idempotency key" : "loan changed", metadata: metadata)
        return response
    }

    private static func answer(_ status: HTTPResponse.Status, _ body: [UInt8]) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    // MARK: - Reading requests

    /// The body; an empty one without a type is an empty object, so that `curl -X POST` pays out.
    private static func body(of request: Request) async throws -> JSONValue {
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw Problem.unsupportedMediaType
        }
        let buffer = try await request.body.collect(upTo: bodyLimit)
        let contentType = request.headers[.contentType]
        if contentType == nil, buffer.readableBytes == 0 { return .object([]) }
        guard let contentType, isJSON(contentType) else { throw Problem.unsupportedMediaType }
        if buffer.readableBytes == 0 { return .object([]) }
        do {
            return try JSONValue(parsing: Array(buffer.readableBytesView))
        } catch {
            throw Problem.malformed(error)
        }
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let parts = contentType.lowercased().split(separator: ";").map { part in part.filter { $0 != " " } }
        guard parts.first == "application/json" else { return false }
        return parts.dropFirst().allSatisfy { $0 == "charset=utf-8" || $0 == "charset=\"utf-8\"" }
    }

    private static func idempotencyKey(of request: Request) throws -> String? {
        let values = request.headers[values: .idempotencyKey]
        guard let key = values.first else { return nil }
        guard values.count == 1, (1...200).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw Problem.invalidHeader("Idempotency-Key", "must be one value of 1 to 200 visible ASCII characters")
        }
        return key
    }

    /// The caller's trace, when it has the form of W3C Trace Context; anything else is ignored, as that says.
    private static func trace(of request: Request) -> TraceContext {
        let trace = TraceContext(
            traceparent: request.headers[.traceparent], tracestate: request.headers[.tracestate])
        guard trace.traceID != nil, (trace.traceparent?.utf8.count ?? 0) <= 128 else { return TraceContext() }
        return (trace.tracestate?.utf8.count ?? 0) <= 512 ? trace : TraceContext(traceparent: trace.traceparent)
    }

    // MARK: - Probes

    private struct Health: Encodable {
        let status: String
        var unpublished: Int?
        var oldestSeconds: Int?
    }

    /// Alive means that the relay makes its rounds; the broker may be down.
    private func livez() throws -> Response {
        health.isStuck
            ? Self.answer(.serviceUnavailable, try json(Health(status: "the relay makes no progress")))
            : Self.answer(.ok, try json(Health(status: "ok")))
    }

    /// Ready means that loans can be written; events that wait for the broker are shown, not held against it.
    private func readyz() async throws -> Response {
        do {
            let backlog = try await store.backlog()
            return Self.answer(
                .ok, try json(Health(status: "ok", unpublished: backlog.count, oldestSeconds: backlog.oldestSeconds)))
        } catch {
            return Self.answer(.serviceUnavailable, try json(Health(status: "the database does not answer")))
        }
    }
}
