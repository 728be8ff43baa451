import HTTPTypes
import Harebell
import Hummingbird

/// Turns away methods that HTTP does not know, before anything counts them: what is counted by method stays bounded.
struct KnownMethodMiddleware: RouterMiddleware {
    private static let known: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    func handle(
        _ request: Request, context: PayoutContext, next: @concurrent (Request, PayoutContext) async throws -> Response
    ) async throws -> Response {
        guard Self.known.contains(request.method.rawValue) else {
            return Problem.methodNotAllowed([.get, .post]).response(correlationID: EventID.make().rawValue)
        }
        return try await next(request, context)
    }
}
