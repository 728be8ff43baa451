import CCurl

/// A URL as libcurl itself reads it, so that what is checked is what is connected to.
///
/// Spellings of one host are brought to one form: `HTTP://EXAMPLE.org` and `http://example.org/`, `2130706433` and
/// `127.0.0.1`.
public struct ServerURL: Sendable, Hashable, CustomStringConvertible {
    /// The scheme in lower case: `http`, `https`, `smtp` or `smtps`.
    public let scheme: String
    /// The host in lower case, an IPv6 address without brackets.
    public let host: String
    /// The port, the scheme's own if the URL names none.
    public let port: Int
    /// The path, at least `/`.
    public let path: String
    /// The whole URL in normal form.
    public let text: String

    /// Reads a URL.
    ///
    /// - Throws: ``CurlError/Code/invalidRequest`` if it is malformed, has another scheme, or carries a user or
    ///   password (they would end up in logs and process lists).
    public init(_ text: String) throws(CurlError) {
        // The handle lives in this initialiser only.
        guard let handle = curl_url() else { throw CurlError(.failed, "out of memory") }
        defer { curl_url_cleanup(handle) }
        guard !text.utf8.contains(0), curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK else {
            throw CurlError(.invalidRequest, "not a URL with a scheme and a host")
        }
        guard Self.part(CURLUPART_USER, of: handle) == nil, Self.part(CURLUPART_PASSWORD, of: handle) == nil else {
            throw CurlError(.invalidRequest, "the URL holds a user or password; set them apart from the URL")
        }
        guard let scheme = Self.part(CURLUPART_SCHEME, of: handle)?.lowercased(),
            ["http", "https", "smtp", "smtps"].contains(scheme)
        else {
            throw CurlError(.invalidRequest, "the URL's scheme is none of http, https, smtp, smtps")
        }
        guard let host = Self.part(CURLUPART_HOST, of: handle)?.lowercased(), !host.isEmpty,
            let port = Self.part(CURLUPART_PORT, of: handle, flags: UInt32(CURLU_DEFAULT_PORT)).flatMap(Int.init),
            let path = Self.part(CURLUPART_PATH, of: handle),
            let whole = Self.part(CURLUPART_URL, of: handle)
        else {
            throw CurlError(.invalidRequest, "not a URL with a host")
        }
        self.scheme = scheme
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        self.port = port
        self.path = path
        self.text = whole
    }

    /// Whether the scheme is encrypted from the first byte.
    public var isEncrypted: Bool { scheme == "https" || scheme == "smtps" }

    /// Whether the host is this machine by its name or address, without asking a name server.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return numbers.count == 4 && numbers.first == 127 && !numbers.contains(nil)
    }

    /// The whole URL in normal form.
    public var description: String { text }

    /// libcurl allocates each part; it is copied and freed here.
    private static func part(_ part: CURLUPart, of handle: OpaquePointer, flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
