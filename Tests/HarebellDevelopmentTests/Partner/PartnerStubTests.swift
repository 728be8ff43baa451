import NIOHTTP1
import Signing
import TestSupport
import Testing

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct PartnerStubTests {
    private static let report = #"{"loanID":"L1","status":"created"}"#

    private static func post(
        _ stub: PartnerStub, signer: StandardWebhooks.Signer? = nil, body: String = report, age: Int64 = 0
    ) async throws -> LoopbackHTTPClient.Response {
        let bytes = Array(body.utf8)
        let now = Int64(Date().timeIntervalSince1970) - age
        let signed = signer?.sign(id: "event-1", timestamp: now, body: bytes).fields ?? []
        return try await LoopbackHTTPClient(port: stub.port, authorization: nil).send(
            .POST, "/loans", body: bytes,
            headers: [("Idempotency-Key", "event-1"), ("X-Correlation-ID", "c-1")] + signed.map { ($0.name, $0.value) })
    }

    @Test(.timeLimit(.minutes(1)))
    func `each behaviour has its answer and is set while the stub runs`() async throws {
        let stub = try await PartnerStub.start(logger: quietLogger)
        #expect(try await Self.post(stub).status == 200)
        stub.behave(.fail(for: nil))
        #expect(try await Self.post(stub).status == 503)
        stub.behave(.retryAfter(.seconds(7)))
        #expect(try await Self.post(stub).status == 429)
        stub.behave(.reject)
        #expect(try await Self.post(stub).status == 422)
        stub.behave(.ok)
        #expect(try await Self.post(stub).status == 200)
        #expect(try await Self.post(stub, body: "{").status == 400)
        #expect(stub.requests.map(\.answer) == [200, 503, 429, 422, 200, 400])
        #expect(stub.requests.map(\.number) == Array(1...6))
        let first = try #require(stub.requests.first)
        #expect(first.loanID == "L1" && first.status == "created")
        #expect(first.idempotencyKey == "event-1" && first.correlationID == "c-1")
        #expect(first.signature == .unchecked)
        #expect(stub.statistics.duplicates == 1)
        await stub.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a request that hangs is let go when the behaviour changes`() async throws {
        let stub = try await PartnerStub.start(logger: quietLogger)
        stub.behave(.hang)
        var arrivals = stub.arrivals().makeAsyncIterator()
        async let answer = Self.post(stub)
        #expect(await arrivals.next()?.answer == 0)
        stub.behave(.ok)
        #expect(try await answer.status == 503)
        #expect(try await Self.post(stub).status == 200)
        await stub.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func `stopping ends requests that hang`() async throws {
        let stub = try await PartnerStub.start(logger: quietLogger)
        stub.behave(.hang)
        var arrivals = stub.arrivals().makeAsyncIterator()
        let hanging = Task { try await Self.post(stub) }
        _ = await arrivals.next()
        await stub.stop()
        _ = await hanging.result
        #expect(await arrivals.next() == nil)
        await #expect(throws: (any Error).self) { try await Self.post(stub) }
    }

    @Test(.timeLimit(.minutes(1)))
    func `only a right and fresh signature is accepted`() async throws {
        let secret = StandardWebhooks.Secret.random()
        let stub = try await PartnerStub.start(secrets: [secret], logger: quietLogger)
        let signer = StandardWebhooks.Signer(secret: secret)
        let stranger = StandardWebhooks.Signer(secret: .random())
        #expect(try await Self.post(stub, signer: signer).status == 200)
        #expect(try await Self.post(stub, signer: stranger).status == 401)
        #expect(try await Self.post(stub).status == 401)
        #expect(try await Self.post(stub, signer: signer, age: 3600).status == 401)
        #expect(stub.requests.first?.signature == .valid)
        #expect(stub.statistics.badSignatures == 3)
        #expect(stub.statistics.accepted == 1)
        await stub.stop()
    }
}
