import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin

    #if canImport(FoundationEssentials)
        import FoundationEssentials
    #else
        import Foundation
    #endif
#endif

/// Standard output for data, standard error for everything else.
enum Terminal {
    /// Whether standard output is a terminal.
    static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    /// Whether standard error is a terminal.
    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }
    /// Whether somebody can be asked.
    static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// The width of the terminal in columns, or nil when output goes elsewhere.
    static var width: Int? {
        guard isOutputTerminal else { return nil }
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes a line of data to standard output.
    static func out(_ line: String) {
        write(line + "\n", to: STDOUT_FILENO)
    }

    /// Writes a line of progress, hints or problems to standard error.
    static func note(_ line: String) {
        write(line + "\n", to: STDERR_FILENO)
    }

    /// Writes without a newline to standard error, for a progress bar.
    static func rewrite(_ line: String) {
        write("\r\u{1B}[2K" + line, to: STDERR_FILENO)
    }

    private static let lock = Mutex(())

    fileprivate static func write(_ text: String, to descriptor: Int32) {
        lock.withLock { _ in
            var rest = ArraySlice(Array(text.utf8))
            while !rest.isEmpty {
                let written = unsafe rest.withUnsafeBytes { bytes in
                    unsafe posixWrite(descriptor, bytes.baseAddress, bytes.count)
                }
                if written <= 0 {
                    if written < 0, errno == EINTR { continue }
                    return
                }
                rest = rest.dropFirst(written)
            }
        }
    }

    /// All of standard input, nil if it cannot be read.
    static func readInput() -> [UInt8]? {
        var input: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe read(STDIN_FILENO, bytes.baseAddress, bytes.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { return input }
            input += buffer.prefix(count)
        }
    }

    /// Asks a yes-or-no question on standard error; no is the default.
    ///
    /// - Throws: ``ToolError`` with exit code 64 when nobody can be asked.
    static func confirm(_ question: String, flag: String) async throws {
        guard isInputTerminal else {
            throw ToolError(
                "\(question) Nobody can be asked here.", advice: "Pass \(flag) to go ahead.", exitCode: ExitStatus.usage
            )
        }
        write("\(question) [y/N] ", to: STDERR_FILENO)
        guard let answer = await Interruption.whileReading({ readLine() }), ["y", "yes"].contains(answer.lowercased())
        else {
            throw ToolError("Nothing was done.", exitCode: ExitStatus.cancelled)
        }
    }
}

extension Terminal {
    /// Clears the screen before a repaint.
    static func clear() {
        write("\u{1B}[H\u{1B}[2J", to: STDOUT_FILENO)
    }
}

// The C function under a name that the method does not hide.
#if canImport(Darwin)
    private let posixWrite = unsafe Darwin.write
#elseif canImport(Musl)
    private let posixWrite = unsafe Musl.write
#else
    private let posixWrite = unsafe Glibc.write
#endif
