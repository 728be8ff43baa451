/// What short strings take, proven on the way to be short: at most 255 bytes (AMQP 0-9-1 §4.2.5.3).
struct ShortStringMeasure {
    /// How many bytes they take on the wire.
    private(set) var encoded = 0
    /// How many bytes of scratch memory.
    private(set) var scratch = 0

    mutating func add(_ name: String, _ value: String?) throws(AMQPError) {
        guard let value else { return }
        let length = value.utf8.count
        guard length <= CodecLimits.shortString else {
            throw AMQPError(.invalidArgument, "\(name) has \(length) bytes; at most \(CodecLimits.shortString) fit")
        }
        encoded += 1 + length
        scratch += length
    }
}
