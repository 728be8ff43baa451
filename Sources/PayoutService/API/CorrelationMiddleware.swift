import HTTPTypes
import Harebell
import Hummingbird
import Logging
import NIOCore

extension HTTPField.Name {
    static let correlationID = literal("X-Correlation-ID")
    static let idempotencyKey = literal("Idempotency-Key")
    static let idempotencyReplayed = literal("Idempotency-Replayed")
    static let traceparent = literal("traceparent")
    static let tracestate = literal("tracestate")

    private static func literal(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("not a header name: \(name)") }
        return name
    }
}

/// The outermost layer: gives each request a correlation id, turns every error into a problem, and logs the answer.
struct CorrelationMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: PayoutContext, next: @concurrent (Request, PayoutContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let given = request.headers[values: .correlationID]
        let isValid = given.count <= 1 && given.allSatisfy(Self.isValid)
        let correlationID = isValid ? given.first ?? EventID.make().rawValue : EventID.make().rawValue

        var context = context
        context.correlationID = correlationID
        context.logger[metadataKey: "correlation_id"] = "\(correlationID)"
        let log = context.logger

        var response: Response
        do {
            guard isValid else {
                throw Problem.invalidHeader(
                    "X-Correlation-ID", "must be one value of 1 to 128 of A-Z a-z 0-9 - _ . : /")
            }
            response = try await next(request, context)
        } catch {
            response = problem(for: error, log: log).response(correlationID: correlationID)
        }
        if response.headers[.correlationID] == nil {
            response.headers[.correlationID] = correlationID
        }
        response.headers[.cacheControl] = "no-store"
        let level: Logger.Level = response.status.code >= 500 ? .error : Self.isProbe(request) ? .trace : .info
        log.log(
            level: level, "answered",
            metadata: [
                "http_method": "\(request.method)", "http_path": "\(request.uri.path.prefix(100))",
                "http_status": "\(response.status.code)",
                "duration_ms": "\(Int((ContinuousClock.now - start) / .milliseconds(1)))",
            ])
        return response
    }

    private func problem(for error: any Error, log: Logger) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case is NIOTooManyBytesError:
            return .tooLarge(limit: PayoutAPI.bodyLimit)
        case let error as HTTPError where error.status == .notFound:
            return .noSuchResource
        case let error as any HTTPResponseError where error.status.code < 500:
            return Problem(
                status: error.status, type: "refused", title: error.status.reasonPhrase,
                detail: "The request cannot be handled.")
        case let error as StoreError where error.isTemporary:
            log.error("the database does not answer", metadata: ["error": "\(error)"])
            return .unavailable
        case is CancellationError:
            return .unavailable
        default:
            log.error("request failed", metadata: ["error_type": "\(type(of: error))", "error": "\(error)"])
            return .internalError
        }
    }

    private static func isProbe(_ request: Request) -> Bool {
        request.uri.path == "/livez" || request.uri.path == "/readyz"
    }

    static func isValid(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { FieldRules.isAlphanumeric($0) || "-_.:/".utf8.contains($0) }
    }
}
