import NIOCore

/// Memory of large writes, kept for the next ones: for the kernel to hand out fresh pages costs more than filling them.
struct SpareBuffers: Sendable {
    /// No more than this is kept, in bytes, and that only while it is used.
    private static let limit = 64 << 20

    private var buffers: [ByteBuffer] = []
    /// How much is kept, in bytes.
    private(set) var byteCount = 0

    /// Whether all of a buffer's memory is in it: not a slice of what others may hold.
    static func isWorthKeeping(_ buffer: ByteBuffer) -> Bool {
        buffer.storageCapacity >= FrameWriter.large && buffer.readableBytes > buffer.storageCapacity / 2
    }

    /// Empty memory for at least so many bytes.
    mutating func take(_ wanted: Int) -> ByteBuffer {
        // Not one that is far too large: its memory would lie idle while it is under way.
        let index = buffers.lastIndex { $0.storageCapacity >= wanted && $0.storageCapacity / 4 <= wanted }
        guard let index else {
            var buffer = ByteBuffer()
            buffer.reserveCapacity(wanted)
            return buffer
        }
        byteCount -= buffers[index].storageCapacity
        return buffers.remove(at: index)
    }

    mutating func keep(_ used: [ByteBuffer]) {
        for buffer in used where Self.isWorthKeeping(buffer) && byteCount + buffer.storageCapacity <= Self.limit {
            byteCount += buffer.storageCapacity
            buffers.append(buffer)
        }
    }
}
