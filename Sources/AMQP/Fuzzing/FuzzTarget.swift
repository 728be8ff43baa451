/// The inbound path without a socket, as the fuzzer drives it and as the tests replay what it found.
///
/// An input is one byte that says what it is, and the rest:
///
/// | bits | meaning |
/// |---|---|
/// | 0–1 | 0: bytes from the first of a connection · 1: bytes after the login · 2: frames and calls, see ``FuzzFrames`` · 3: a property list |
/// | 2 | 0–2: frames of at most 4096 bytes are negotiated · 3: a table alone |
/// | 3 | 0–2: bodies over 64 bytes are let go |
/// | 4–7 | 0–1: in which pieces the bytes arrive the second time; 0 for once only |
///
/// It lives in the module because it needs its insides, and is `package` because nobody else does.
package struct FuzzTarget: Sendable {
    private let fresh: [FuzzConnection]
    private let open: [FuzzConnection]

    /// Prepares connections in the middle of their lives, once for all inputs.
    package init() {
        let options = (0..<4).map { FuzzConnection.Options(isSmallFrame: $0 & 1 != 0, isSmallBody: $0 & 2 != 0) }
        fresh = options.map { FuzzConnection($0) }
        open = options.map { FuzzConnection(openWith: $0) }
    }

    /// Runs one input.
    ///
    /// - Throws: what the module did that it never may. Refusing an input is not among that.
    package func run(_ input: UnsafeRawBufferPointer) throws(FuzzFinding) {
        guard let head = input.first else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: input.dropFirst())
        let option = Int(head >> 2 & 3)
        switch head & 3 {
        case 0: try Self.stream(bytes, into: fresh[option], pieces: Int(head >> 4))
        case 1: try Self.stream(bytes, into: open[option], pieces: Int(head >> 4))
        case 2:
            var frames = FuzzFrames(bytes)
            try frames.run(on: open[option])
        default: try FuzzProperties.run(bytes, isTable: head & 4 != 0)
        }
    }

    private static let sizes = [1, 2, 3, 5, 7, 8, 11, 16, 31, 64, 127, 256, 1000, 4095, 4096]
    /// After so many pieces the rest comes at once: what is decided is decided at the first boundaries, and an input that
    /// takes a tenth of a second keeps the fuzzer from trying a hundred others.
    private static let mostPieces = 256

    /// What arrives must mean the same in whichever pieces it arrives.
    private static func stream(
        _ bytes: UnsafeRawBufferPointer, into connection: FuzzConnection, pieces: Int
    ) throws(FuzzFinding) {
        var whole = connection.begin()
        whole.receive(bytes)
        let expected = try whole.finish()
        guard pieces > 0 else { return }
        var cut = connection.begin()
        var rest = bytes[...]
        for _ in 0..<mostPieces where !rest.isEmpty {
            cut.receive(UnsafeRawBufferPointer(rebasing: rest.prefix(sizes[pieces - 1])))
            rest = rest.dropFirst(sizes[pieces - 1])
        }
        if !rest.isEmpty { cut.receive(UnsafeRawBufferPointer(rebasing: rest)) }
        let other = try cut.finish()
        guard other == expected else {
            throw FuzzFinding("in pieces of \(sizes[pieces - 1]): \(other)\nas a whole: \(expected)")
        }
    }
}

/// A promise of the module that an input broke.
package struct FuzzFinding: Error, CustomStringConvertible {
    /// What happened.
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
