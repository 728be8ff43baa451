import Tracing

/// Client spans around transfers, as OpenTelemetry's conventions for HTTP name them; without an instrument they cost
/// nothing.
extension CurlClient {
    private var isTraced: Bool {
        configuration.isTraced && !(InstrumentationSystem.instrument is NoOpInstrument)
    }

    /// Runs an HTTP request in a span whose headers it carries.
    ///
    /// The span never holds the query or a header: both may hold what is secret.
    func traced(
        _ request: HTTPRequest, to url: ServerURL, _ body: (HTTPRequest) async throws(CurlError) -> HTTPResponse
    ) async throws(CurlError) -> HTTPResponse {
        guard isTraced else { return try await body(request) }
        let span = startSpan(request.method, ofKind: .client)
        defer { span.end() }
        span.attributes["http.request.method"] = request.method
        span.attributes["url.scheme"] = url.scheme
        describe(span, url)
        var request = request
        InstrumentationSystem.instrument.inject(span.context, into: &request.fields, using: FieldInjector())
        // What callers and publishers wrote there is nobody's business outside.
        for name in ["baggage", "tracestate"] { request.fields[name] = nil }
        do {
            let response = try await body(request)
            span.attributes["http.response.status_code"] = response.status
            if response.status >= 400 {
                span.attributes["error.type"] = "\(response.status)"
                span.setStatus(SpanStatus(code: .error))
            }
            return response
        } catch {
            fail(span, error)
            throw error
        }
    }

    /// Runs the handing over of a mail in a span.
    func traced(
        mailTo url: ServerURL, _ body: () async throws(CurlError) -> MailReceipt
    ) async throws(CurlError) -> MailReceipt {
        guard isTraced else { return try await body() }
        let span = startSpan("SMTP", ofKind: .client)
        defer { span.end() }
        describe(span, url)
        do {
            let receipt = try await body()
            span.attributes["smtp.response.status_code"] = receipt.status
            return receipt
        } catch {
            fail(span, error)
            throw error
        }
    }

    private func describe(_ span: any Span, _ url: ServerURL) {
        span.attributes["server.address"] = url.host
        span.attributes["server.port"] = Int(url.port)
    }

    private func fail(_ span: any Span, _ error: CurlError) {
        span.recordError(error)
        span.attributes["error.type"] = "\(error.code)"
        span.setStatus(SpanStatus(code: .error))
    }
}

private struct FieldInjector: Injector {
    func inject(_ value: String, forKey key: String, into fields: inout HTTPFields) { fields[key] = value }
}
