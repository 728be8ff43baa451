import Curl
import Harebell
import LoanEvents
import Logging
import Signing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where reports go: signs them, sends them and says what the answer means.
struct PartnerEndpoint: Sendable {
    let client: CurlClient
    let settings: PartnerSettings
    private let signer: StandardWebhooks.Signer
    private let now: @Sendable () -> Date

    init(client: CurlClient, settings: PartnerSettings, now: @escaping @Sendable () -> Date = { Date() }) {
        self.client = client
        self.settings = settings
        self.signer = StandardWebhooks.Signer(secrets: settings.secrets)
        self.now = now
    }

    /// Reports an event; returns once the partner has taken it.
    func report(_ event: some LoanEvent, context: HandlerContext) async throws {
        let request = try request(for: event, context: context)
        let start = ContinuousClock.now
        let status = try await send(request)
        context.logger.info(
            "partner told",
            metadata: [
                "loan_id": "\(event.loanID)", "http_status": "\(status)",
                "duration_ms": "\(Int((ContinuousClock.now - start) / .milliseconds(1)))",
            ])
    }

    /// The status with which the partner took the report; throws what any other answer means.
    private func send(_ request: HTTPRequest) async throws -> Int {
        let response: HTTPResponse
        do throws(CurlError) {
            response = try await client.send(request)
        } catch {
            return try taken(error)
        }
        let failure = PartnerAnswer.failure(
            status: response.status, retryAfter: response.fields["Retry-After"],
            explanation: Self.explanation(response), now: now())
        if let failure { throw failure }
        return response.status
    }

    private func request(for event: some LoanEvent, context: HandlerContext) throws -> HTTPRequest {
        let body = try LoanReport(event, id: context.envelope.id).encoded()
        let time = Int64(now().timeIntervalSince1970.rounded(.down))
        var fields: HTTPFields = [
            "Content-Type": "application/json", "Idempotency-Key": context.idempotencyKey,
            "X-Correlation-ID": context.envelope.correlationID,
        ]
        for (name, value) in signer.sign(id: context.idempotencyKey, timestamp: time, body: body).fields {
            fields.append(name, value)
        }
        // Optional, and the publisher's: a malformed one is no reason to refuse the report.
        if let traceparent = context.envelope.trace.traceparent, traceparent.utf8.count == 55,
            traceparent.allSatisfy({ $0.isHexDigit || $0 == "-" })
        {
            fields.append("traceparent", traceparent)
        }
        return HTTPRequest(
            method: "POST", url: settings.url.text, fields: fields, body: body, timeout: settings.timeout)
    }

    /// The status if the partner had taken the report before the transfer failed; else throws what the failure means.
    private func taken(_ error: CurlError) throws -> Int {
        if error.code == .cancelled { throw CancellationError() }
        if let status = error.status {
            // The partner has decided; only its words did not arrive, or were too many.
            guard let failure = PartnerAnswer.failure(status: status, retryAfter: nil, now: now()) else {
                return status
            }
            throw failure
        }
        guard error.isRetriable else { throw PermanentError("the report cannot be sent", underlying: error) }
        throw TransientError("the partner was not reached", underlying: error)
    }

    /// The beginning of the partner's own words, on one line, for the dead letter's reason.
    private static func explanation(_ response: HTTPResponse) -> String {
        let type = response.fields["Content-Type"] ?? ""
        guard ["application/json", "application/problem+json", "text/plain"].contains(where: { type.hasPrefix($0) })
        else {
            return ""
        }
        let text = String(decoding: response.body.prefix(1_000), as: UTF8.self)
        let words = text.unicodeScalars.split {
            $0.properties.isWhitespace || $0.properties.generalCategory == .control
        }
        return String(words.map { String(Substring($0)) }.joined(separator: " ").prefix(200))
    }
}
