/// Puts the frames of one message together: method, header, bodies.
///
///     idle ──begin──► header ──header──► body(n left) ──body──► … ──► idle
///
/// A body over the limit is dropped frame by frame as it comes, so that memory stays bounded; the message is completed
/// without it and known by its size.
struct ContentAssembly: Sendable {
    /// What a message arrives for.
    enum Purpose: Sendable {
        case deliver(DeliveryInfo)
        case get(DeliveryInfo)
        case returned(ReturnInfo)
    }

    struct Content: Sendable {
        var purpose: Purpose
        var properties: [UInt8]
        var body: [UInt8]
        var size: UInt64
    }

    private enum State: Sendable {
        case idle
        case header(Purpose)
        case body
    }

    /// The most bytes that are reserved for a body before they have come; what is not written to takes no memory.
    private static let mostReserved: UInt64 = 4 << 20

    private var state = State.idle
    // Beside the state rather than in it, so that appending to the body never copies it.
    private var content: Content?
    private var remaining: UInt64 = 0
    private var isDropping = false
    private let channel: UInt16
    private let maximumBodySize: Int

    init(channel: UInt16 = 1, maximumBodySize: Int) {
        self.channel = channel
        self.maximumBodySize = maximumBodySize
    }

    var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    /// Forgets the message whose frames will not come any more.
    mutating func cutShort() {
        (state, content, remaining, isDropping) = (.idle, nil, 0, false)
    }

    private func violation(_ what: String, _ code: UInt16) -> AMQPError {
        AMQPError(.protocolViolation, "the broker sent \(what) on channel \(channel)", replyCode: code)
    }

    /// A method that announces content.
    mutating func begin(_ purpose: Purpose) throws(AMQPError) {
        guard isIdle else { throw violation("a method inside a message", 505) }
        state = .header(purpose)
    }

    /// A content-header frame; returns the message if it has no body.
    mutating func header(
        _ payload: UnsafeRawBufferPointer, _ spares: SpareBodies
    ) throws(AMQPError) -> Content? {
        guard case .header(let purpose) = state else {
            throw violation("a content header that no method announced", 505)
        }
        guard payload.count >= 14, UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self)) == 60 else {
            throw violation("a content header of another class than basic", 501)
        }
        let size = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
        content = Content(purpose: purpose, properties: Array(payload[12...]), body: [], size: size)
        remaining = size
        isDropping = size > UInt64(maximumBodySize)
        // Not all at once for what is only claimed, and for small ones when they come.
        if !isDropping, size >= SpareBodies.smallest {
            content?.body = spares.take(Int(min(size, Self.mostReserved)))
        }
        state = .body
        return finishIfComplete()
    }

    /// A body frame; returns the message if it was the last.
    mutating func body(_ payload: UnsafeRawBufferPointer) throws(AMQPError) -> Content? {
        guard case .body = state else { throw violation("a content body without its header", 505) }
        guard UInt64(payload.count) <= remaining else {
            throw violation("a body longer than its header says", 501)
        }
        take(payload)
        return finishIfComplete()
    }

    /// Whether a body frame of so many bytes is due, so that it may be taken in parts.
    func expectsBody(of length: Int) -> Bool {
        guard case .body = state else { return false }
        return UInt64(length) <= remaining
    }

    /// A part of a body frame that is expected.
    mutating func take(_ part: UnsafeRawBufferPointer) {
        remaining -= UInt64(part.count)
        if !isDropping { append(part) }
    }

    /// The end of a body frame that was taken in parts; returns the message if it was the last.
    mutating func endBody() -> Content? { finishIfComplete() }

    private mutating func append(_ payload: UnsafeRawBufferPointer) {
        guard let size = content?.size, let isFirst = content?.body.isEmpty else { return }
        if isFirst, size < SpareBodies.smallest {
            if remaining == 0 {
                // The whole body in one frame: one allocation of its size.
                content?.body = Array(payload)
                return
            }
            content?.body.reserveCapacity(Int(size))
        }
        content?.body.append(contentsOf: payload)
    }

    private mutating func finishIfComplete() -> Content? {
        guard remaining == 0 else { return nil }
        state = .idle
        return content.take()
    }
}
