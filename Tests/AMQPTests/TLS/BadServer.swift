import NIOCore
import NIOSSL
import Testing

@testable import AMQP

/// A server to which no credential may be sent.
struct BadServer: Sendable, CustomTestStringConvertible {
    enum Behavior: Sendable {
        /// Speaks TLS with a certificate that the workshop makes, and AMQP inside of it.
        case certificate(
            @Sendable (CertificateWorkshop) async throws -> CertificateWorkshop.Identity,
            @Sendable (inout TLSConfiguration) -> Void = { _ in })
        /// Answers the first bytes in the clear.
        case clear(@Sendable (any Channel) -> Void)
    }

    var testDescription: String
    var behavior: Behavior
    /// The name to ask for.
    var serverName: String?
    /// What to trust; `nil` for the workshop's authority.
    var caFile: (@Sendable (CertificateWorkshop) async throws -> String)?
    /// What the error must say: the cause, and what to do.
    var words: [String]
    var code: AMQPError.Code = .tlsFailed

    init(
        _ description: String, _ words: [String], code: AMQPError.Code = .tlsFailed, serverName: String? = nil,
        caFile: (@Sendable (CertificateWorkshop) async throws -> String)? = nil, _ behavior: Behavior
    ) {
        testDescription = description
        self.words = words
        self.code = code
        self.serverName = serverName
        self.caFile = caFile
        self.behavior = behavior
    }

    static let all: [BadServer] = [
        BadServer(
            "expired", ["expired on 2021-02-03 04:05 UTC", "renew"],
            .certificate({ try await $0.issue("old", until: "20210203040500Z") })),
        BadServer(
            "not yet valid", ["not valid before 2110-01-01 00:00 UTC", "clocks"],
            .certificate({ try await $0.issue("early", from: "21100101000000Z") })),
        BadServer(
            "wrong name", ["is for elsewhere.example, not for localhost", "server name"], serverName: "localhost",
            .certificate({ try await $0.issue("elsewhere", names: "DNS:elsewhere.example") })),
        BadServer(
            "wrong address", ["is for 10.1.2.3, not for 127.0.0.1"],
            .certificate({ try await $0.issue("address", names: "IP:10.1.2.3") })),
        BadServer(
            "a name of one label more than the wildcard", ["is for *.example.test, not for a.b.example.test"],
            serverName: "a.b.example.test",
            .certificate({ try await $0.issue("wildcard", names: "DNS:*.example.test") })),
        BadServer(
            "a wildcard that is not the first label", ["is for a.*.test, not for a.b.test"], serverName: "a.b.test",
            .certificate({ try await $0.issue("wildcard", names: "DNS:a.*.test") })),
        BadServer(
            "unknown authority", ["signed by \"another authority\", which is not in", "authority's file"],
            .certificate({ try await $0.issue("unknown", by: $0.stranger) })),
        BadServer(
            "signed by itself", ["signed by itself", "authority file"],
            .certificate({ try await $0.selfSigned("self", ["subjectAltName=IP:127.0.0.1"]) })),
        BadServer(
            "an authority without the constraint", ["signed by \"no authority\"", "basic constraints"],
            caFile: { $0.impostor.certificateFile },
            .certificate({ try await $0.issue("child", by: $0.impostor) })),
        BadServer(
            "for clients only", ["not for servers", "serverAuth"],
            .certificate({ try await $0.issue("client", usage: "clientAuth") })),
        BadServer(
            "another key of an authority of the same name", ["valid signature of \"test authority\""],
            .certificate({ workshop in
                let impostor = try await workshop.selfSigned("test authority", ["basicConstraints=critical,CA:TRUE"])
                return try await workshop.issue("forged", by: impostor)
            })),
        BadServer(
            "TLS 1.1 only", ["no version of TLS from 1.2 on"],
            .certificate({ try await $0.issue("old protocol") }) {
                $0.minimumTLSVersion = .tlsv1
                $0.maximumTLSVersion = .tlsv11
            }),
        BadServer(
            "plain AMQP on the port for TLS", ["does not speak TLS", "5671"],
            .clear { $0.writeAndFlush(ByteBuffer(bytes: Array("AMQP".utf8) + [0, 0, 9, 1]), promise: nil) }),
        BadServer(
            "HTTP on the port for TLS", ["does not speak TLS"],
            .clear { $0.writeAndFlush(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"), promise: nil) }),
        BadServer("hangs up in the handshake", ["hung up during the TLS handshake"], .clear { $0.close(promise: nil) }),
        BadServer(
            "mute in the handshake", ["did not answer within 0.5", "TLS did not finish"], code: .connectionFailed,
            .clear { _ in }),
    ]
}
