import Foundation
import NIOConcurrencyHelpers
import TestSupport

/// `openssl s_server`, which can do what NIOSSL's server cannot: change keys in the middle of a connection.
final class OpenSSLServer: Sendable {
    /// What it wrote: its talk about the handshake, and between that what the client sent.
    private let output = NIOLockedValueBox<[UInt8]>([])
    private let process: Process
    private let input: FileHandle
    let port: Int

    private init(_ process: Process, _ input: FileHandle, port: Int) {
        self.process = process
        self.input = input
        self.port = port
    }

    static func start(_ identity: CertificateWorkshop.Identity) async throws -> OpenSSLServer {
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", identity.certificateFile, "-key",
            identity.keyFile, "-tls1_3", "-msg",
        ]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        let received = NIOLockedValueBox<[UInt8]>([])
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            received.withLockedValue { $0 += data }
        }
        try process.run()
        let port = try await eventualValue("the port") { () -> Int? in
            let text = String(decoding: received.withLockedValue { $0 }, as: UTF8.self)
            return text.firstMatch(of: /ACCEPT 127\.0\.0\.1:([0-9]+)\n/).flatMap { Int($0.1) }
        }
        let server = OpenSSLServer(process, input.fileHandleForWriting, port: port)
        output.fileHandleForReading.readabilityHandler = { [output = server.output] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            output.withLockedValue { $0 += data }
        }
        return server
    }

    /// Sends bytes to the client, or a command to the server if they are one.
    func send(_ bytes: [UInt8]) {
        try? input.write(contentsOf: Data(bytes))
    }

    /// Awaits bytes in the output, and drops everything up to their end.
    func expect(_ bytes: [UInt8]) async throws {
        try await eventually("\(bytes)") {
            output.withLockedValue { output in
                guard let range = output.firstRange(of: bytes) else { return false }
                output.removeSubrange(..<range.upperBound)
                return true
            }
        }
    }

    func stop() {
        process.terminate()
    }
}
