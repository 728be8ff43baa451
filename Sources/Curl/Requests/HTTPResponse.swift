/// What an HTTP server answered, whatever its status.
public struct HTTPResponse: Sendable {
    /// The status code.
    ///
    /// A redirect is answered like any other status: it is not followed.
    public let status: Int
    /// The header fields.
    public let fields: HTTPFields
    /// The body.
    public let body: [UInt8]
}
