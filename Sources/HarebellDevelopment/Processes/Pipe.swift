import CSpawn

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The two descriptors of a pipe; both close on exec.
///
/// Whoever made it closes them.
struct Pipe: Sendable {
    let reading: Int32
    let writing: Int32

    init() throws(DevelopmentError) {
        var ends: [Int32] = [-1, -1]
        let failure = unsafe cspawn_pipe(&ends)
        guard failure == 0 else { throw DevelopmentError(.startFailed, "no pipe: errno \(failure)") }
        (reading, writing) = (ends[0], ends[1])
    }

    /// Writes a short text.
    ///
    /// Raises no SIGPIPE as long as the reading end is open here too.
    func send(_ text: String) {
        let bytes = Array(text.utf8)
        while unsafe bytes.withUnsafeBytes({ unsafe write(writing, $0.baseAddress, $0.count) }) == -1 && errno == EINTR
        {
        }
    }

    /// Closes the writing end only.
    func closeWriting() { close(writing) }

    /// Closes both ends.
    func closeBoth() {
        close(reading)
        close(writing)
    }
}
