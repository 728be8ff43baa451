import Signing
import Testing

@Suite struct `Standard Webhooks` {
    /// The example that the specification's libraries share.
    let secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    let time: Int64 = 1_614_265_330
    let body = Array(#"{"test": 2432232314}"#.utf8)
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    @Test func `the published example is signed as published`() throws {
        let headers = StandardWebhooks.Signer(secret: try .init(secretText)).sign(id: id, timestamp: time, body: body)
        #expect(headers == .init(id: id, timestamp: "1614265330", signature: signature))
        #expect(headers.fields.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
    }

    @Test func `the example of the landing page is accepted`() throws {
        let secret = StandardWebhooks.Secret.random()
        let headers = StandardWebhooks.Signer(secret: secret).sign(id: id, timestamp: time, body: body)
        try StandardWebhooks.Verifier(secrets: [secret]).verify(headers, body: body, now: time + 10)
    }

    @Test func `a signature is accepted within five minutes`() throws {
        let verifier = StandardWebhooks.Verifier(secrets: [try .init(secretText)])
        let headers = StandardWebhooks.Headers(id: id, timestamp: String(time), signature: signature)
        for now in [time, time + 300, time - 300] {
            try verifier.verify(headers, body: body, now: now)
        }
        #expect(throws: StandardWebhooks.VerificationError.tooOld) {
            try verifier.verify(headers, body: body, now: time + 301)
        }
        #expect(throws: StandardWebhooks.VerificationError.tooNew) {
            try verifier.verify(headers, body: body, now: time - 301)
        }
    }

    @Test func `whatever is tampered with, nothing is believed`() throws {
        let verifier = StandardWebhooks.Verifier(secrets: [try .init(secretText)])
        let genuine = StandardWebhooks.Headers(id: id, timestamp: String(time), signature: signature)
        var otherID = genuine
        otherID.id += "x"
        var otherTime = genuine
        otherTime.timestamp = String(time + 1)
        var otherSignature = genuine
        otherSignature.signature = "v1,h0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        var otherVersion = genuine
        otherVersion.signature = "v1a," + signature.dropFirst(3)
        var none = genuine
        none.signature = ""
        for headers in [otherID, otherTime, otherSignature, otherVersion, none] {
            #expect(throws: StandardWebhooks.VerificationError.noMatchingSignature) {
                try verifier.verify(headers, body: body, now: time)
            }
        }
        #expect(throws: StandardWebhooks.VerificationError.noMatchingSignature) {
            try verifier.verify(genuine, body: body + [0x20], now: time)
        }
        for timestamp in ["", "soon", "+1614265330", "01614265330", "1614265330.0", "99999999999999999999"] {
            var headers = genuine
            headers.timestamp = timestamp
            #expect(throws: StandardWebhooks.VerificationError.malformedTimestamp) {
                try verifier.verify(headers, body: body, now: time)
            }
        }
    }

    @Test func `a timestamp at the end of time does not trap`() throws {
        let verifier = StandardWebhooks.Verifier(secrets: [try .init(secretText)])
        let headers = StandardWebhooks.Headers(id: id, timestamp: String(Int64.min), signature: signature)
        #expect(throws: StandardWebhooks.VerificationError.tooOld) {
            try verifier.verify(headers, body: body, now: time)
        }
    }

    @Test func `during a rotation both sides may be first`() throws {
        let old = StandardWebhooks.Secret.random()
        let new = StandardWebhooks.Secret.random()
        let both = StandardWebhooks.Signer(secrets: [new, old]).sign(id: id, timestamp: time, body: body)
        #expect(both.signature.split(separator: " ").count == 2)
        for accepted in [[old], [new], [old, new]] {
            try StandardWebhooks.Verifier(secrets: accepted).verify(both, body: body, now: time)
        }
        let onlyOld = StandardWebhooks.Signer(secret: old).sign(id: id, timestamp: time, body: body)
        try StandardWebhooks.Verifier(secrets: [new, old]).verify(onlyOld, body: body, now: time)
        #expect(throws: StandardWebhooks.VerificationError.noMatchingSignature) {
            try StandardWebhooks.Verifier(secrets: [new]).verify(onlyOld, body: body, now: time)
        }
    }

    @Test func `a secret is read, kept quiet, and refused when it is weak`() throws {
        let secret = try StandardWebhooks.Secret(secretText)
        #expect(secret.revealed == secretText)
        #expect(try StandardWebhooks.Secret(String(secretText.dropFirst(6))) == secret)
        #expect("\(secret) \(String(reflecting: secret)) \(String(describing: [secret]))".contains("MfKQ") == false)
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("242"))
        for text in ["", "whsec_", "whsec_????", "whsec_c2hvcnQ=", "hunter2"] {
            #expect(throws: StandardWebhooks.SecretError.self) { try StandardWebhooks.Secret(text) }
        }
        #expect(StandardWebhooks.Secret.random() != StandardWebhooks.Secret.random())
    }
}
