#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A PEM file, read whole so that what is parsed is one version of it even while it is being replaced.
enum TLSFile {
    /// More than any bundle of authorities has.
    private static let limit = 16 << 20

    /// - Throws: `.tlsFailed`, naming the file and the system's reason.
    static func contents(of path: String, _ kind: String) throws(AMQPError) -> [UInt8] {
        func failure(_ reason: String) -> AMQPError {
            AMQPError(.tlsFailed, "the \(kind) file \(path) cannot be read: \(reason)")
        }
        // Non-blocking, so that a named pipe without a writer is an empty file and not a wait without end.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(String(cString: strerror(errno))) }
            guard count > 0 else { return bytes }
            bytes += part[..<count]
            guard bytes.count <= limit else { throw failure("it has more than 16 MiB") }
        }
    }
}
