import HTTPTypes
import Hummingbird
import NIOCore

extension Problem {
    private struct Body: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        /// Finds the request in the log.
        let correlationId: String
        let errors: [FieldReader.Problem]?
    }

    /// The answer as `application/problem+json`.
    func response(correlationID: String) -> Response {
        let body = Body(
            type: "urn:harebell:problem:\(type)", title: title, status: status.code, detail: detail,
            correlationId: correlationID, errors: errors.isEmpty ? nil : errors)
        var headers = headers
        headers[.contentType] = "application/problem+json"
        // Strings and numbers always have a JSON form.
        let bytes = (try? json(body)) ?? []
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
