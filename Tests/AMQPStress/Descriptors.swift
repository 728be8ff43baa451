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

/// The open descriptors of this process, but for the timers: the libraries beneath us make them when they are first
/// wanted and keep them, one for each event loop and each of the system's clocks.
enum Descriptors {
    /// How many there are.
    static var count: Int { descriptions.count }

    /// What they are, sockets with their ports: those that were not there `before`.
    static func new(since before: Set<String>) -> [String] {
        descriptions.subtracting(before).sorted()
    }

    static var descriptions: Set<String> { Set(numbers.compactMap(describe)) }

    private static var numbers: [Int32] {
        // The folder's own is closed by now.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd")) ?? []
        return names.compactMap { Int32($0) }.filter { fcntl($0, F_GETFD) != -1 }
    }

    private static func describe(_ number: Int32) -> String? {
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/dev/fd/\(number)") else {
            return nil
        }
        guard target != "anon_inode:[timerfd]" else { return nil }
        guard target.hasPrefix("socket") else { return "\(number) \(target)" }
        return "\(number) \(target) from port \(port(of: number, getsockname)) to \(port(of: number, getpeername))"
    }

    private static func port(
        of number: Int32, _ name: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
    ) -> String {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name(number, $0, &length) } == 0
        }
        return isKnown ? "\(UInt16(bigEndian: address.sin_port))" : "none"
    }
}
