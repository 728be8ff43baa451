import Foundation
import HarebellDevelopment

/// Makes certificates with the `openssl` command, good ones and bad ones.
struct CertificateWorkshop: Sendable {
    /// A certificate and its key, as PEM files.
    struct Identity: Sendable {
        var certificateFile: String
        var keyFile: String
    }

    enum Key: Sendable {
        case ec
        case rsa
        case encrypted(passphrase: String)
    }

    let directory: String
    /// The authority that tests trust.
    let authority: Identity
    /// One that they do not.
    let stranger: Identity
    /// A certificate that signs others without being allowed to.
    let impostor: Identity

    /// One for the process, since making keys takes time; its directory goes with the process.
    private static let made = Task { try await CertificateWorkshop() }

    static func shared() async throws -> CertificateWorkshop {
        try await made.value
    }

    private init() async throws {
        directory = try TemporaryDirectory.make(prefix: "harebell-certificates")
        let constraints = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        authority = try await Self.selfSigned("test authority", constraints, in: directory)
        stranger = try await Self.selfSigned("another authority", constraints, in: directory)
        impostor = try await Self.selfSigned("no authority", ["basicConstraints=critical,CA:FALSE"], in: directory)
    }

    /// A certificate signed by its own key.
    func selfSigned(_ name: String, _ extensions: [String]) async throws -> Identity {
        try await Self.selfSigned(name, extensions, in: directory)
    }

    private static func selfSigned(_ name: String, _ extensions: [String], in directory: String) async throws
        -> Identity
    {
        let path = directory + "/" + UUID().uuidString
        let identity = Identity(certificateFile: path + ".pem", keyFile: path + ".key")
        try await makeKey(.ec, at: identity.keyFile)
        try await openssl(
            ["req", "-new", "-x509", "-key", identity.keyFile, "-subj", "/CN=\(name)", "-days", "36500"]
                + ["-out", identity.certificateFile] + extensions.flatMap { ["-addext", $0] })
        return identity
    }

    /// A certificate signed by an authority, that of the tests unless told otherwise.
    ///
    /// - Parameters:
    ///   - from: the first moment of validity, as `20200101000000Z`.
    func issue(
        _ name: String, names: String? = "DNS:localhost,IP:127.0.0.1", usage: String? = "serverAuth",
        isAuthority: Bool = false, from: String = "20200101000000Z", until: String = "21200101000000Z",
        key: Key = .ec, by signer: Identity? = nil
    ) async throws -> Identity {
        let signer = signer ?? authority
        // A folder of its own for each, for its register allows one writer.
        let folder = directory + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let identity = Identity(certificateFile: folder + "/certificate.pem", keyFile: folder + "/private.key")
        try await Self.makeKey(key, at: identity.keyFile)
        let settings = """
            [ca]
            default_ca = here
            [here]
            database = \(folder)/index.txt
            new_certs_dir = \(folder)
            rand_serial = yes
            default_md = sha256
            policy = any
            [any]
            commonName = supplied
            """
        try settings.write(toFile: folder + "/settings", atomically: true, encoding: .utf8)
        try "".write(toFile: folder + "/index.txt", atomically: true, encoding: .utf8)
        let extensions = [
            names.map { "subjectAltName = \($0)" }, usage.map { "extendedKeyUsage = \($0)" },
            "basicConstraints = critical,CA:\(isAuthority ? "TRUE" : "FALSE")",
        ]
        try extensions.compactMap { $0 }.joined(separator: "\n")
            .write(toFile: folder + "/extensions", atomically: true, encoding: .utf8)
        let passphrase =
            if case .encrypted(let passphrase) = key { ["-passin", "pass:\(passphrase)"] } else { [String]() }
        try await Self.openssl(
            ["req", "-new", "-key", identity.keyFile, "-subj", "/CN=\(name)", "-out", folder + "/request"] + passphrase)
        try await Self.openssl([
            "ca", "-batch", "-notext", "-config", folder + "/settings", "-cert", signer.certificateFile,
            "-keyfile", signer.keyFile, "-startdate", from, "-enddate", until, "-extfile", folder + "/extensions",
            "-in", folder + "/request", "-out", identity.certificateFile,
        ])
        return identity
    }

    /// A file with the certificates of several, one after the other.
    func chain(_ identities: Identity...) throws -> String {
        let path = directory + "/" + UUID().uuidString + ".chain"
        try write(identities.map(\.certificateFile), to: path)
        return path
    }

    /// Replaces a file by the contents of others, at once.
    func write(_ files: [String], to path: String) throws {
        let parts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
        try parts.joined().write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// What a renewal does: other contents in the same files.
    func replace(_ identity: Identity, with other: Identity) throws {
        try write([other.keyFile], to: identity.keyFile)
        try write([other.certificateFile], to: identity.certificateFile)
    }

    private static func makeKey(_ key: Key, at path: String) async throws {
        switch key {
        case .ec:
            try await openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path])
        case .rsa:
            try await openssl(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path])
        case .encrypted(let passphrase):
            try await openssl([
                "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256",
                "-pass", "pass:\(passphrase)", "-out", path,
            ])
        }
    }

    struct OpenSSLFailure: Error {
        var arguments: [String]
        var status: Int32
    }

    private static func openssl(_ arguments: [String]) async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let status: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
        guard status == 0 else { throw OpenSSLFailure(arguments: arguments, status: status) }
    }
}
