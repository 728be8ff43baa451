#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The datagram socket of a service manager that speaks systemd's notify protocol (sd_notify(3)).
final class NotifySocket: Sendable {
    private let descriptor: Int32
    private let path: [UInt8]

    /// A socket to an address of `NOTIFY_SOCKET`: a path, or `@` and a name in the abstract namespace of Linux.
    ///
    /// Nil for anything else, as sd_notify ignores what it does not know.
    init?(address: String) {
        guard address.utf8.count < 108, address.hasPrefix("/") || (address.hasPrefix("@") && address.count > 1) else {
            return nil
        }
        var path = Array(address.utf8)
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        #if os(Linux)
            let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
            let descriptor = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Sends one message; whether the manager's queue took it.
    ///
    /// Never waits.
    @discardableResult
    func send(_ message: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { target in
            for (index, byte) in path.enumerated() where index < target.count { unsafe target[index] = byte }
        }
        // An abstract name ends where the length says; a path has its zero byte counted in.
        let isAbstract = path.first == 0
        let length = MemoryLayout<sa_family_t>.size + path.count + (isAbstract ? 0 : 1)
        #if os(Linux)
            let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        #else
            let flags = MSG_DONTWAIT
        #endif
        var text = message
        let sent = text.withUTF8 { bytes in
            unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe sendto(descriptor, bytes.baseAddress, bytes.count, flags, pointer, socklen_t(length))
                }
            }
        }
        return sent == message.utf8.count
    }
}
