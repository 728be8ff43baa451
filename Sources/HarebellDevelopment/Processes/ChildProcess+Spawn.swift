import CSpawn

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

extension ChildProcess {
    /// Spawns a program with three descriptors and nothing else of ours.
    static func spawnRaw(
        _ path: String, arguments: [String], environment: [String: String], input: Int32, output: Int32, error: Int32
    ) throws(DevelopmentError) -> Int32 {
        var pid: pid_t = -1
        // The C strings live until `cspawn_start` has returned: the child has its own copy by then.
        var argumentPointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var environmentPointers = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argumentPointers { free(pointer) }
            for pointer in environmentPointers { free(pointer) }
        }
        let failure = unsafe cspawn_start(path, &argumentPointers, &environmentPointers, input, output, error, &pid)
        guard failure == 0 else {
            throw DevelopmentError(.startFailed, "cannot start \(path): \(unsafe String(cString: strerror(failure)))")
        }
        return pid
    }
}
