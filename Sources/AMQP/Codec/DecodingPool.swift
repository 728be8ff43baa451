import CRabbitMQ

/// The memory librabbitmq decodes into.
///
/// Made and destroyed within one synchronous call; nothing the library returned outlives `recycle` or the pool.
struct DecodingPool: ~Copyable {
    let pointer: UnsafeMutablePointer<amqp_pool_t>

    init(pageSize: Int = 2048) {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: amqp_pool_t())
        init_amqp_pool(pointer, pageSize)
    }

    /// Ends the life of everything decoded so far.
    borrowing func recycle() {
        recycle_amqp_pool(pointer)
    }

    deinit {
        empty_amqp_pool(pointer)
        pointer.deinitialize(count: 1)
        pointer.deallocate()
    }
}

extension amqp_bytes_t {
    /// Borrows memory that the caller keeps alive; the library only reads what it decodes.
    init(borrowing bytes: UnsafeRawBufferPointer) {
        self.init(len: bytes.count, bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }

    var buffer: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : len)
    }

    /// The text, with replacement characters where it is not UTF-8.
    var text: String {
        String(decoding: buffer, as: UTF8.self)
    }
}
