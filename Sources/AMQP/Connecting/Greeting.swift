/// Looks at the first bytes of a peer: what is no frame there tells what the peer is instead of a broker.
enum Greeting {
    /// Whether more has to come before it is clear what the peer is.
    ///
    /// - Throws: `.protocolViolation` for what is no AMQP 0-9-1, with a guess what it may be.
    static func isIncomplete(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Bool {
        guard let first = bytes.first, Frame.Kind(rawValue: first) == nil else { return false }
        if zip(bytes, "AMQP".utf8).allSatisfy({ $0 == $1 }) {
            guard bytes.count >= 8 else { return true }
            throw AMQPError(.protocolViolation, version(bytes[5], bytes[6], bytes[7]))
        }
        // Only the first byte is told: the rest may come in any pieces, and the error is to be the same.
        throw AMQPError(
            .protocolViolation,
            "the peer begins with a frame of unknown kind \(first), so it is no AMQP broker: \(guess(first))")
    }

    /// A broker that does not speak 0-9-1 answers with the version it speaks (AMQP 0-9-1 §4.2.2).
    private static func version(_ major: UInt8, _ minor: UInt8, _ revision: UInt8) -> String {
        guard (major, minor, revision) == (0, 9, 1) else {
            return "the broker speaks AMQP \(major).\(minor).\(revision), not 0-9-1"
        }
        return
            "the peer answers our greeting with its own: something between us changes what is sent, or it only echoes"
    }

    private static func guess(_ first: UInt8) -> String {
        switch first {
        case 0x15, 0x16: "it may expect TLS; use amqps://, or the port without TLS"
        case UInt8(ascii: "H"): "it may be an HTTP server; check the port"
        case UInt8(ascii: "S"): "it may be an SSH server; check the port"
        default: "check the port, and what proxies are in between"
        }
    }
}
