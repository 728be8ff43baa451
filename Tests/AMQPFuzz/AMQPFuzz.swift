import AMQP
import CLibFuzzer

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// `amqp-fuzz`: libFuzzer over everything a broker can send.
///
/// Built with `-sanitize=fuzzer,address -DLIBFUZZER` it takes libFuzzer's arguments; see the step `fuzz` of `Ops/test`.
/// Built without, it runs the files it is given once each, to look at a finding in a debugger.
@main
enum AMQPFuzz {
    private static let target = FuzzTarget()

    static func main() {
        #if LIBFUZZER
            var count = CommandLine.argc
            var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
            exit(LLVMFuzzerRunDriver(&count, &arguments) { fuzzOneInput($0, $1) })
        #else
            for file in CommandLine.arguments.dropFirst() {
                let bytes = read(file)
                print("\(file): \(bytes.count) bytes")
                bytes.withUnsafeBytes { run($0) }
            }
        #endif
    }

    /// A finding ends the process, which is what libFuzzer looks for.
    static func run(_ input: UnsafeRawBufferPointer) {
        do {
            try target.run(input)
        } catch {
            fatalError("finding: \(error)")
        }
    }

    private static func read(_ file: String) -> [UInt8] {
        guard let stream = fopen(file, "rb") else { fatalError("cannot read \(file)") }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(stream), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return bytes
    }
}

#if LIBFUZZER
    /// Also by its usual name: libFuzzer's own `main`, which ours replaces, refers to it.
    @_cdecl("LLVMFuzzerTestOneInput")
    func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
        AMQPFuzz.run(UnsafeRawBufferPointer(start: bytes, count: size))
        return 0
    }
#endif
