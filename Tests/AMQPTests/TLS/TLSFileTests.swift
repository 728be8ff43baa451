import Foundation
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(1))) struct `TLS: files and options` {
    private func problem(with options: TLSOptions) async -> String? {
        let error = await failure { _ = try await options.context() }
        return error.map { "\($0.code): \($0.message)" }
    }

    @Test func `a file that is missing, unreadable or no PEM is named`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let folder = workshop.directory
        let text = folder + "/text"
        try "no certificate\n".write(toFile: text, atomically: true, encoding: .utf8)
        let mine = workshop.authority.certificateFile
        let cases: [(TLSOptions, String)] = [
            (TLSOptions(caFile: "/no/such.pem"), "the authority file /no/such.pem cannot be read: No such file"),
            (TLSOptions(caFile: folder), "the authority file \(folder) cannot be read: Is a directory"),
            (TLSOptions(caFile: text), "the authority file \(text) holds no certificate"),
            (TLSOptions(certificateFile: text), "the certificate file \(text) holds no certificate"),
            (TLSOptions(certificateFile: mine), "the key file \(mine) holds no private key"),
            (TLSOptions(certificateFile: mine, keyFile: "/no/key"), "the key file /no/key cannot be read"),
            (
                TLSOptions(certificateFile: mine, keyFile: workshop.stranger.keyFile),
                "does not belong to the certificate"
            ),
        ]
        for (options, words) in cases {
            let problem = await problem(with: options)
            #expect(problem?.contains(words) == true, "\(problem ?? "-")")
            #expect(problem?.hasPrefix("tlsFailed") == true)
        }
    }

    @Test func `a missing file is told before anything is tried`() async {
        var configuration = AMQPConfiguration(hosts: [.init(name: "no-such-host.invalid")])
        configuration.tls = TLSOptions(caFile: "/no/such/file.pem")
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .tlsFailed)
    }

    @Test func `an encrypted key needs its passphrase, and no error or print shows it`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let identity = try await workshop.issue("locked", key: .encrypted(passphrase: "open sesame"))
        var options = TLSOptions(certificateFile: identity.certificateFile, keyFile: identity.keyFile)
        #expect(await problem(with: options)?.contains("is encrypted: give its passphrase") == true)
        options.keyPassphrase = "wrong guess"
        let wrong = await problem(with: options)
        #expect(wrong?.contains("cannot be decrypted") == true)
        #expect(wrong?.contains("guess") == false)
        options.keyPassphrase = "ouvre-toi, sésame"
        #expect(await problem(with: options)?.contains("ASCII") == true)
        options.keyPassphrase = "open sesame"
        #expect(await problem(with: options) == nil)
        var dumped = ""
        dump(options, to: &dumped)
        for text in ["\(options)", String(reflecting: options), dumped] { #expect(!text.contains("sesame")) }
    }

    @Test func `certificate and key may be in one file`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let identity = try await workshop.issue("both")
        let file = identity.certificateFile + ".both"
        let parts = try [identity.certificateFile, identity.keyFile].map {
            try String(contentsOfFile: $0, encoding: .utf8)
        }
        try parts.joined().write(toFile: file, atomically: true, encoding: .utf8)
        #expect(await problem(with: TLSOptions(certificateFile: file)) == nil)
    }

    @Test func `an address as server name is refused, for it would not be verified`() async {
        var configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1")])
        configuration.tls = TLSOptions(serverName: "10.0.0.1")
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("serverName") == true)
    }

    @Test(arguments: [
        (0, "1970-01-01 00:00"), (951_827_696, "2000-02-29 12:34"), (-1, "1969-12-31 23:59"),
        (4_107_542_399, "2100-02-28 23:59"), (253_402_300_799, "9999-12-31 23:59"),
    ]) func `a moment is told in UTC`(seconds: Int, text: String) {
        #expect(PeerCertificate.day(seconds) == text + " UTC")
    }
}
