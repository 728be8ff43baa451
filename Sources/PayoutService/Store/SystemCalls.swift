#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `open(2)` with a mode, under a name that a type with a method `open` can call.
func openFile(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
    unsafe open(path, flags, mode)
}

/// `close(2)`, under a name that a type with a method `close` can call.
func closeFile(_ descriptor: Int32) {
    _ = close(descriptor)
}

/// What `errno` says, for people.
func systemMessage(_ code: Int32 = errno) -> String {
    unsafe String(cString: strerror(code))
}
