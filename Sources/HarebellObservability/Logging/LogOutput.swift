import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Where whole lines go: a file descriptor that is never closed here.
///
/// A line is one `write`, under a lock, so lines of one process never mix. A reader that has stopped reading stops the
/// writer too, as with every process that logs to a pipe: a lost line would be worse than a late one.
public final class LogOutput: Sendable {
    /// The standard error of the process.
    public static let standardError = LogOutput(descriptor: 2)

    private let descriptor: Mutex<Int32>

    /// Whether a person is looking.
    public let isTerminal: Bool

    /// Creates an output on a descriptor, which must stay open as long as the output lives.
    public init(descriptor: Int32) {
        self.descriptor = Mutex(descriptor)
        self.isTerminal = isatty(descriptor) == 1
    }

    /// Writes one line, which holds its own newline.
    public func write(_ line: String) {
        var line = line
        descriptor.withLock { descriptor in
            line.withUTF8 { bytes in
                var offset = 0
                while let start = bytes.baseAddress, offset < bytes.count {
                    let written = unsafe systemWrite(descriptor, start + offset, bytes.count - offset)
                    if written > 0 {
                        offset += written
                    } else if errno != EINTR && errno != EAGAIN {
                        return  // Nobody is left to read: there is no place to complain to.
                    }
                }
            }
        }
    }
}

@unsafe private func systemWrite(_ descriptor: Int32, _ start: UnsafePointer<UInt8>, _ count: Int) -> Int {
    unsafe write(descriptor, start, count)
}
