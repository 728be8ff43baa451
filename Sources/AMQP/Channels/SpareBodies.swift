import NIOConcurrencyHelpers

/// Memory of large bodies that were delivered and are gone, to be used for the next ones.
///
/// Memory of megabytes that is freed goes back to the system, and to get it again, page by page, costs as much as to copy
/// the body into it. So a large message gives its body back when nobody holds the message any more. Should somebody still
/// hold the body alone, the array knows: it stays theirs, and the next body gets memory of its own.
final class SpareBodies: Sendable {
    /// Bodies of fewer bytes are not worth it. (Of 100 KB, memory of their own made two fifths of the cost.)
    static let smallest = 32_768
    /// No more than so many bytes are kept: what a fast consumer has in hand.
    private static let mostBytes = 16 << 20

    private struct State {
        var bodies: [[UInt8]] = []
        var byteCount = 0
        /// Whether any was taken or came back since ``releaseUnused()``.
        var isInUse = false
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())

    /// How many are kept.
    var count: Int { state.withLockedValue(\.bodies.count) }

    /// An empty body with memory for so many bytes.
    func take(_ size: Int) -> [UInt8] {
        // The last one that came back is the one that caches know; not one that is far too large.
        var body = state.withLockedValue { state -> [UInt8] in
            state.isInUse = true
            let index = state.bodies.lastIndex { $0.capacity >= size && $0.capacity / 2 <= size }
            guard let index else { return [] }
            state.byteCount -= state.bodies[index].capacity
            return state.bodies.remove(at: index)
        }
        // In place, if nobody holds the body any more; otherwise in new memory.
        body.removeAll(keepingCapacity: true)
        body.reserveCapacity(size)
        return body
    }

    /// Takes back a body whose message is gone.
    func give(_ body: [UInt8]) {
        guard body.capacity >= Self.smallest else { return }
        state.withLockedValue { state in
            state.isInUse = true
            guard !state.isClosed, state.byteCount + body.capacity <= Self.mostBytes else { return }
            state.byteCount += body.capacity
            state.bodies.append(body)
        }
    }

    /// Lets everything go if no large body came since the last time.
    func releaseUnused() {
        state.withLockedValue { state in
            if !state.isInUse { (state.bodies, state.byteCount) = ([], 0) }
            state.isInUse = false
        }
    }

    /// The connection is over: lets everything go, for good.
    func close() {
        state.withLockedValue { state in
            (state.bodies, state.byteCount, state.isClosed) = ([], 0, true)
        }
    }
}
