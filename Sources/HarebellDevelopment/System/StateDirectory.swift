import CSpawn

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The directory of a development system: one system at a time holds its lock.
final class StateDirectory: Sendable {
    let path: String
    /// Holds the lock until it is closed; the kernel lets go of it when this process dies.
    private let lock: Int32

    /// What is kept between runs, by name.
    static let (broker, mail, receipts, loans) = ("broker", "mail", "pdf", "payout.sqlite")

    /// What another terminal needs to reach the running system; for the owner only.
    struct Control: Codable, Sendable {
        let port: Int
        let token: String
        let processID: Int32
        let brokerURL: String
        let managementURL: String
        let payoutURL: String
    }

    init(_ path: String) throws {
        self.path = absolutePath(path)
        let files = FileManager.default
        try files.createDirectory(
            atPath: self.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // It may have been made by somebody else with other rights.
        try files.setAttributes([.posixPermissions: 0o700], ofItemAtPath: self.path)
        lock = cspawn_lock(self.path + "/lock")
        guard lock != -1 else {
            let other = try? Self.control(in: self.path)
            throw DevelopmentError(
                .alreadyRunning,
                "a development system runs in \(self.path) already"
                    + (other.map { " (process \($0.processID))" } ?? ""))
        }
        guard lock >= 0 else { throw DevelopmentError(.startFailed, "cannot write into \(self.path)") }
        // Left by one that was killed: it says nothing true any more.
        unlink(Self.controlFile(in: self.path))
    }

    func folder(_ name: String) -> String { path + "/" + name }

    /// Removes what earlier runs kept, and nothing that somebody else put here.
    func removeData() throws {
        let files = FileManager.default
        let data = [Self.broker, Self.mail, Self.receipts] + ["", "-wal", "-shm", ".lock"].map { Self.loans + $0 }
        for path in data.map(folder) where files.fileExists(atPath: path) {
            try files.removeItem(atPath: path)
        }
    }

    func publish(_ control: Control) throws {
        let (file, temporary) = (Self.controlFile(in: path), path + "/.control.json.part")
        let created = FileManager.default.createFile(
            atPath: temporary, contents: try JSONEncoder().encode(control), attributes: [.posixPermissions: 0o600])
        guard created, rename(temporary, file) == 0 else {
            throw DevelopmentError(.startFailed, "cannot write \(file)")
        }
    }

    /// Removes the control file and lets another system in.
    func close() {
        unlink(Self.controlFile(in: path))
        _ = Self.closeDescriptor(lock)
    }

    static func control(in path: String) throws -> Control {
        guard let data = FileManager.default.contents(atPath: controlFile(in: absolutePath(path))) else {
            throw DevelopmentError(
                .notRunning, "no development system runs in \(absolutePath(path)); start one with: harebell dev")
        }
        return try JSONDecoder().decode(Control.self, from: data)
    }

    private static func controlFile(in path: String) -> String { path + "/control.json" }

    // The C function under a name that the method does not hide.
    private static let closeDescriptor: @Sendable (Int32) -> Int32 = { descriptor in
        #if canImport(Darwin)
            Darwin.close(descriptor)
        #else
            Glibc.close(descriptor)
        #endif
    }
}
