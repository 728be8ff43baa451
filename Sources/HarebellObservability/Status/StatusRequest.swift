/// One request to the status server, read whole.
struct StatusRequest: Sendable {
    var method: String
    /// The path without its query.
    var path: String
    var fields: [String: String] = [:]
    var body: [UInt8] = []
    /// Whether it comes from this machine.
    var isLocal: Bool

    /// The value of a header field; names are in lower case.
    subscript(_ field: String) -> String? { fields[field] }

    /// Whether the client asked for this machine by a name that only this machine has.
    ///
    /// A page in a browser can make the browser ask us by a name of its own that resolves to 127.0.0.1.
    var isForThisMachine: Bool {
        guard let host = fields["host"] else { return false }
        guard !host.hasPrefix("[::1]") else { return host == "[::1]" || host.hasPrefix("[::1]:") }
        let name = host.prefix { $0 != ":" }
        return ["localhost", "127.0.0.1"].contains(name.lowercased())
    }

    /// Whether a page in a browser sent it: those have an origin, or say that they are from another site.
    var isFromPage: Bool {
        if fields["origin"] != nil { return true }
        guard let site = fields["sec-fetch-site"] else { return false }
        return site != "none"
    }
}

/// What the status server answers.
struct StatusResponse: Sendable, Hashable {
    var status: Int
    var contentType = "application/json"
    var body: String
    var allow: String?

    static func problem(_ status: Int, _ detail: String, allow: String? = nil) -> StatusResponse {
        var text = ""
        Escaping.appendJSON(detail, to: &text)
        return StatusResponse(status: status, body: "{\"status\":\"refused\",\"detail\":\"\(text)\"}\n", allow: allow)
    }
}
