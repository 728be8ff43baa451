import CCurl

extension Transfer {
    func prepare(_ request: HTTPRequest, _ url: ServerURL) throws(CurlError) {
        try easy.set(schemes: "http,https")
        try easy.set(CURLOPT_URL, url.text)
        try easy.set(CURLOPT_TIMEOUT_MS, milliseconds: request.timeout ?? configuration.timeout)
        try easy.set(CURLOPT_USERAGENT, configuration.userAgent)
        try set(CURLOPT_HTTPHEADER, texts: headerLines(of: request))
        if let credentials = request.credentials {
            // Basic, which is value 1; nothing is negotiated.
            try easy.set(CURLOPT_HTTPAUTH, 1)
            try easy.set(CURLOPT_USERNAME, credentials.username)
            try easy.set(CURLOPT_PASSWORD, credentials.password)
        }
        if request.method == "HEAD" {
            return try easy.set(CURLOPT_NOBODY, true)
        }
        // Refuses by Content-Length before anything is received; the callback counts the rest.
        try easy.set(CURLOPT_MAXFILESIZE_LARGE, size: configuration.maximumResponseSize)
        if let body = request.body ?? (["POST", "PUT", "PATCH"].contains(request.method) ? [] : nil) {
            try easy.set(CURLOPT_POST, true)
            try easy.set(body: body)
        }
        try easy.set(CURLOPT_CUSTOMREQUEST, request.method)
    }

    private func headerLines(of request: HTTPRequest) -> [String] {
        // In libcurl's language `Name:` takes a field of its own out and `Name;` is a field without a value.
        var lines = ["Expect:"]
        if request.fields["Content-Type"] == nil { lines.append("Content-Type:") }
        for field in request.fields {
            lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        return lines
    }

    /// Takes one line of the response's head; false aborts the transfer.
    func receive(headerLine line: UnsafeRawBufferPointer) -> Bool {
        headerSize += line.count
        guard headerSize <= 64 << 10 else {
            failure = CurlError(.responseTooLarge, "the response's head is over 64 KiB", status: easy.responseCode)
            return false
        }
        let text = String(decoding: line, as: UTF8.self)
        guard case .http = call.job else {
            // After a refusal libcurl says QUIT; the answer to that is not what the caller wants to know.
            if !text.hasPrefix("221") { reply.lastLine = text.withoutControlCharacters(limit: 300) }
            return true
        }
        if text.hasPrefix("HTTP/") {
            // A new head: what came before was an interim response.
            reply.fields = HTTPFields()
        } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
            let value = text[text.utf8.index(after: colon)...]
            reply.fields.append(String(text[..<colon]), value.trimmingSpace())
        }
        return true
    }

    /// Takes a part of the body; false aborts the transfer.
    func receive(body part: UnsafeRawBufferPointer) -> Bool {
        guard reply.body.count + part.count <= configuration.maximumResponseSize else {
            failure = tooLarge()
            return false
        }
        reply.body.append(contentsOf: part)
        return true
    }

    func tooLarge() -> CurlError {
        CurlError(
            .responseTooLarge, "the response is over \(configuration.maximumResponseSize) bytes",
            status: easy.responseCode)
    }
}

extension String {
    /// The text on one line, with each control character replaced by a space, cut after `limit` characters.
    func withoutControlCharacters(limit: Int) -> String {
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) }
        let clean = String(String.UnicodeScalarView(unicodeScalars.map { isControl($0) ? " " : $0 }))
        return String(clean.prefix(limit)[...].trimmingSpace())
    }
}

extension Substring {
    fileprivate func trimmingSpace() -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
        let start = utf8.firstIndex { !isSpace($0) } ?? utf8.endIndex
        guard let last = utf8.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(self[start...last])
    }
}
