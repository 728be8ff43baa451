import NIOCore

/// Which deliveries of a channel are still to be settled, and which acks can be said in one.
///
/// Delivery tags count up from 1 on each channel. A delivery is settled at most once:
///
///     outstanding ──acknowledge──► acknowledged ──flush──► settled
///         └── settle (nack, reject: sent at once) ────────► settled
///
/// A flush says everything up to the first outstanding delivery in one `multiple` ack, which is never above a delivery
/// that is still being worked on, and the acknowledged ones beyond it one by one.
struct SettlementWindow: Sendable {
    private enum Slot: UInt8, Sendable {
        case outstanding
        case acknowledged
        case settled
    }

    private var slots = CircularBuffer<Slot>()
    private var first: UInt64 = 1
    private var acknowledged: [UInt64] = []
    /// How many tags the broker has left out: RabbitMQ leaves out none, and each takes memory behind one that is held.
    private var skipped: UInt64 = 0
    private static let mostSkipped: UInt64 = 65_536

    /// How many deliveries are neither settled nor acknowledged.
    private(set) var outstanding = 0

    /// Whether a flush has something to say.
    var hasAcknowledgements: Bool { !acknowledged.isEmpty }

    /// Notes a delivery; false if the tag does not count up, or more were left out than any broker would.
    mutating func deliver(_ tag: UInt64) -> Bool {
        let next = first + UInt64(slots.count)
        guard tag >= next, tag - next <= Self.mostSkipped - skipped else { return false }
        skipped += tag - next
        for _ in next..<tag { slots.append(.settled) }
        slots.append(.outstanding)
        outstanding += 1
        return true
    }

    private mutating func leave(_ tag: UInt64, as slot: Slot) -> Bool {
        guard tag >= first, tag - first < UInt64(slots.count) else { return false }
        let index = slots.index(slots.startIndex, offsetBy: Int(tag - first))
        guard slots[index] == .outstanding else { return false }
        slots[index] = slot
        outstanding -= 1
        return true
    }

    /// Notes an ack to be flushed; false if the delivery was settled before.
    mutating func acknowledge(_ tag: UInt64) -> Bool {
        guard leave(tag, as: .acknowledged) else { return false }
        acknowledged.append(tag)
        return true
    }

    /// Notes a nack or reject, which the caller sends at once; false if the delivery was settled before.
    mutating func settle(_ tag: UInt64) -> Bool {
        guard leave(tag, as: .settled) else { return false }
        trim()
        return true
    }

    private mutating func trim() {
        while slots.first == .settled {
            slots.removeFirst()
            first += 1
        }
    }

    /// Says the noted acks: `emit(tag, multiple)`.
    mutating func flush(_ emit: (UInt64, Bool) -> Void) {
        guard !acknowledged.isEmpty else { return }
        var last: UInt64?
        var count = 0
        var tag = first
        while let slot = slots.first, slot != .outstanding {
            if slot == .acknowledged {
                last = tag
                count += 1
            }
            slots.removeFirst()
            tag += 1
        }
        first = tag
        if let last { emit(last, count > 1) }
        if count < acknowledged.count {
            for tag in acknowledged where tag >= first {
                slots[slots.index(slots.startIndex, offsetBy: Int(tag - first))] = .settled
                emit(tag, false)
            }
        }
        acknowledged.removeAll(keepingCapacity: acknowledged.count <= 4096)
        trim()
    }
}
