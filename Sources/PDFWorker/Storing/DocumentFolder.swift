import Harebell

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The folder that the documents are kept in.
///
/// A document is there whole or not at all: it is written beside its name, synced, renamed, and the folder is synced
/// before ``store(_:named:eventID:)`` returns. Writing the same document again changes nothing. The calls block.
struct DocumentFolder: Sendable {
    let path: String

    /// What a document being written is called: hidden, and no document's name starts with a dot.
    private static let temporaryPrefix = ".harebell-"

    /// Opens the folder and makes it when it is missing.
    init(path: String) throws {
        self.path = path
        try Self.make(path)
        guard access(path, W_OK | X_OK) == 0 else { throw Self.failure("write into", path, errno) }
    }

    /// Keeps a document.
    ///
    /// - Returns: The file's path. It is the primary name unless that belongs to another event.
    func store(_ bytes: [UInt8], named name: DocumentName, eventID: EventID) throws -> String {
        let primary = "\(path)/\(name.primary)"
        let isTaken = try owner(of: primary, is: eventID).map { !$0 } ?? false
        let target = isTaken ? "\(path)/\(name.alternate)" : primary
        try write(bytes, to: target)
        return target
    }

    // MARK: - Writing

    private func write(_ bytes: [UInt8], to target: String) throws {
        let temporary = "\(path)/\(Self.temporaryPrefix)\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
        // 0600: the document holds a name and an amount. Exclusive and without following links: the folder may be shared.
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("create a file in", path, errno) }
        do {
            defer { close(descriptor) }
            try Self.writeAll(bytes, to: descriptor, in: path)
            guard fsync(descriptor) == 0 else { throw Self.failure("sync a file in", path, errno) }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, target) == 0 else {
            let code = errno
            unlink(temporary)
            throw Self.failure("rename a file in", path, code)
        }
        try syncFolder()
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, in path: String) throws {
        try bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = systemWrite(descriptor, rest.base.baseAddress?.advanced(by: rest.startIndex), rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure("write into", path, count == 0 ? ENOSPC : errno) }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// A rename is durable when the folder is.
    private func syncFolder() throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("open", path, errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("sync", path, errno) }
    }

    // MARK: - Looking

    /// Whether the file at a path is the document of an event; nil when there is no such file.
    private func owner(of file: String, is eventID: EventID) throws -> Bool? {
        let descriptor = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            // A link or something else that is no document of ours is left alone.
            if errno == ELOOP { return false }
            throw Self.failure("read a document in", path, errno)
        }
        defer { close(descriptor) }
        return try Self.contains(Array(PayoutDocument.keyword(of: eventID).utf8), in: descriptor, path: path)
    }

    private static func contains(_ needle: [UInt8], in descriptor: Int32, path: String) throws -> Bool {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= PDFSurface.maximumBytes {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read a document in", path, errno) }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes.firstRange(of: needle) != nil
    }

    // MARK: - Opening

    private static func make(_ path: String) throws {
        guard mkdir(path, 0o700) != 0 else { return }
        switch errno {
        case EEXIST:
            return
        case ENOENT:
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
                throw failure("make the folder", path, ENOENT)
            }
            try make(String(path[..<slash]))
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make the folder", path, errno) }
        default:
            throw failure("make the folder", path, errno)
        }
    }

    /// Removes what a killed process left half-written.
    ///
    /// Only files older than an hour; a younger one may belong to another worker that is writing it.
    func removeAbandonedFiles() {
        guard let folder = opendir(path) else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasPrefix(Self.temporaryPrefix), name.hasSuffix(".tmp") else { continue }
            var status = stat()
            guard lstat("\(path)/\(name)", &status) == 0, Self.modified(status) < time(nil) - 3_600 else { continue }
            unlink("\(path)/\(name)")
        }
    }

    private static func modified(_ status: stat) -> time_t {
        #if canImport(Darwin)
            status.st_mtimespec.tv_sec
        #else
            status.st_mtim.tv_sec
        #endif
    }

    private static func failure(_ action: String, _ path: String, _ code: Int32) -> PDFError {
        PDFError(code: .storage, message: "cannot \(action) \(path): \(String(cString: strerror(code))) (\(code))")
    }
}
