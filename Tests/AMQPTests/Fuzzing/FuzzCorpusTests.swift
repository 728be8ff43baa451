import Foundation
import Testing

@testable import AMQP

/// What the fuzzer starts from and what it found, without the fuzzer.
@Suite struct `The fuzzer's corpus` {
    /// Kept beside the fuzzer, which adds to it.
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../AMQPFuzz/Corpus").standardizedFileURL

    private static func files() throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { !$0.lastPathComponent.hasPrefix(".") }
    }

    @Test func `nothing in it breaks a promise`() throws {
        let target = FuzzTarget()
        let files = try Self.files()
        #expect(files.count >= FuzzSeeds.all.count)
        for file in files {
            let bytes = try Data(contentsOf: file)
            let finding = bytes.withUnsafeBytes { target.finding(in: $0) }
            #expect(finding == nil, "\(file.lastPathComponent)")
        }
    }

    @Test func `what is too large to be kept breaks no promise either`() {
        let target = FuzzTarget()
        for (name, bytes) in FuzzSeeds.large {
            let finding = bytes.withUnsafeBytes { target.finding(in: $0) }
            #expect(finding == nil, "\(name)")
        }
    }

    /// `HAREBELL_WRITE_CORPUS=1` writes them.
    @Test func `its seeds are those made here`() throws {
        for (name, bytes) in FuzzSeeds.all {
            let file = Self.folder.appending(path: name)
            if ProcessInfo.processInfo.environment["HAREBELL_WRITE_CORPUS"] == "1" { try Data(bytes).write(to: file) }
            #expect(try Data(contentsOf: file) == Data(bytes), "\(name)")
        }
    }

    @Test func `it fits into the repository`() throws {
        let sizes = try Self.files().map { try Data(contentsOf: $0).count }
        #expect(sizes.reduce(0, +) < 1 << 20)
    }
}

extension FuzzTarget {
    func finding(in input: UnsafeRawBufferPointer) -> String? {
        do {
            try run(input)
            return nil
        } catch {
            return error.description
        }
    }
}
