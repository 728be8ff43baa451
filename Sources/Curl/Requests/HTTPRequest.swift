/// One HTTP request.
public struct HTTPRequest: Sendable {
    /// The method, such as `GET` or `POST`.
    public var method: String
    /// The URL (`http` or `https`), without user and password.
    public var url: String
    /// The header fields.
    ///
    /// `Host`, `Content-Length`, `Transfer-Encoding` and `Expect` are the client's.
    public var fields: HTTPFields
    /// The body, if the method has one.
    public var body: [UInt8]?
    /// The user for basic authentication.
    public var credentials: Credentials?
    /// Another timeout for the whole transfer than the configuration's.
    public var timeout: Duration?

    /// A request.
    public init(
        method: String = "GET", url: String, fields: HTTPFields = [:], body: [UInt8]? = nil,
        credentials: Credentials? = nil, timeout: Duration? = nil
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.credentials = credentials
        self.timeout = timeout
    }

    /// The URL, once the whole request is found fit to be sent.
    func validated(by configuration: CurlConfiguration) throws(CurlError) -> ServerURL {
        let url = try ServerURL(url)
        guard url.scheme.hasPrefix("http") else {
            throw CurlError(.invalidRequest, "an HTTP request needs an http or https URL, not \(url.scheme)")
        }
        guard !method.isEmpty, method.utf8.allSatisfy(HTTPFields.isTokenByte) else {
            throw CurlError(.invalidRequest, "the method is not a token")
        }
        if let problem = fields.problem ?? credentials?.problem {
            throw CurlError(.invalidRequest, problem)
        }
        guard configuration.allows(url) else {
            throw CurlError(.hostNotAllowed, "\(url.host):\(url.port) is not an allowed host")
        }
        return url
    }
}
