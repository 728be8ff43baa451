import Synchronization

/// UUIDs of version 7 (RFC 9562) in strictly growing order.
///
/// Within one millisecond the 12 bits after the version count up from a random start below half their range; when
/// they overflow, or when the clock steps back, the sequence runs ahead of the clock instead of repeating itself.
final class UUIDv7Sequence: Sendable {
    /// The sequence that all ids of this process come from.
    static let process = UUIDv7Sequence()

    private struct Position {
        var milliseconds: UInt64 = 0
        var counter: UInt64 = 0

        mutating func advance(to now: UInt64, seed: UInt64) {
            if now > milliseconds {
                milliseconds = now
                counter = seed & 0x7FF
            } else if counter < 0xFFF {
                counter += 1
            } else {
                milliseconds += 1
                counter = seed & 0x7FF
            }
        }
    }

    private let position = Mutex(Position())

    func next(milliseconds now: UInt64, using random: inout some RandomNumberGenerator) -> String {
        let seed = random.next()
        let tail = random.next()
        let drawn = position.withLock { position in
            position.advance(to: now, seed: seed)
            return position
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        for shift in stride(from: UInt64(40), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: drawn.milliseconds >> shift))
        }
        bytes.append(UInt8(truncatingIfNeeded: drawn.counter >> 8))
        bytes.append(UInt8(truncatingIfNeeded: drawn.counter))
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: tail >> shift))
        }
        return UUIDText.make(bytes, version: 7)
    }
}

/// The text form of a UUID.
enum UUIDText {
    /// Sets version and variant in 16 bytes and writes them as 36 characters.
    static func make(_ bytes: [UInt8], version: UInt8) -> String {
        precondition(bytes.count == 16, "a UUID has 16 bytes")
        var bytes = bytes
        bytes[6] = (bytes[6] & 0x0F) | (version << 4)
        bytes[8] = (bytes[8] & 0x3F) | 0x80
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0x0F)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
