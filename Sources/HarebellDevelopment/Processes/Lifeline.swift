import CSpawn

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Ends our child processes when this process ends, in whatever way, `kill -9` included.
///
/// A watcher (a small shell in a session of its own) reads the ids of our children from a pipe that only we hold
/// open for writing. When this process is gone the kernel closes the pipe; the watcher reads its end, kills every
/// process that is still listed together with its process group, and removes the directories it was told of.
final class Lifeline: Sendable {
    /// The lifeline of this process, made when it is first needed.
    static let shared = Result { () throws(DevelopmentError) in try Lifeline() }

    private static let script = """
        trap '' HUP INT TERM QUIT TSTP
        pids=
        without() { left=; for p in $pids; do [ "$p" = "$1" ] || left="$left $p"; done; pids=$left; }
        while read -r verb value; do
            case $verb in
            +) pids="$pids $value" ;;
            -) without "$value" ;;
            d) set -- "$@" "$value" ;;
            k) n=$#; while [ "$n" -gt 0 ]; do [ "$1" = "$value" ] || set -- "$@" "$1"; shift; n=$((n - 1)); done ;;
            esac
        done
        for p in $pids; do kill -9 "-$p"; kill -9 "$p"; done
        tries=0
        while [ -n "$pids" ] && [ $tries -lt 40 ]; do
            for p in $pids; do kill -0 "-$p" || without "$p"; done
            tries=$((tries + 1))
            [ -z "$pids" ] || sleep 0.05
        done
        for d in "$@"; do rm -rf -- "$d" || { sleep 0.2; rm -rf -- "$d"; }; done
        """

    /// Closed by nobody: the kernel does it when this process ends.
    private let pipe: Pipe
    /// The watcher's process id.
    let watcher: Int32

    init() throws(DevelopmentError) {
        let pipe = try Pipe()
        let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(nowhere) }
        watcher = try ChildProcess.spawnRaw(
            "/bin/sh", arguments: ["sh", "-c", Self.script], environment: ["PATH": "/usr/bin:/bin"],
            input: pipe.reading, output: nowhere, error: nowhere)
        // The reading end stays open here too, so that a watcher that somebody killed costs us no SIGPIPE.
        self.pipe = pipe
    }

    /// Kills the process and its group when we end.
    ///
    /// Ordered: a later `forget` always follows.
    func protect(_ pid: Int32) { tell("+ \(pid)\n") }

    /// The process is gone; its id may soon be somebody else's.
    func forget(_ pid: Int32) { tell("- \(pid)\n") }

    /// Removes the directory when we end.
    func protect(directory: String) { tell("d \(directory)\n") }

    /// Leaves the directory alone when we end.
    func forget(directory: String) { tell("k \(directory)\n") }

    private func tell(_ line: String) {
        // One write below PIPE_BUF is atomic, so lines of different threads never mix.
        precondition(line.utf8.count <= 512, "a line of the lifeline is one atomic write")
        pipe.send(line)
    }
}
