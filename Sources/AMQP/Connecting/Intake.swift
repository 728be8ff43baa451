import NIOConcurrencyHelpers
import NIOCore

/// What tasks hand to a connection without waiting for it: encoded messages, settlements, cancellations.
///
/// Its lock is held for the time of a copy, so that tasks and event loop do not wait for one another. Whoever takes the
/// connection's lock drains the intake first: what was handed in before happens before.
///
/// A settlement is no reason to wake the event loop while it is about to look anyway: it looks whenever it has read
/// something, and a moment after it has handed out deliveries. Only a pile that the broker's prefetch could be waiting
/// for, or a settlement outside of these times, wakes it.
final class Intake: Sendable {
    /// A publish, or the news that nobody waits for one any more.
    enum Entry: Sendable {
        case publications(count: Int)
        case cancelled(waiterID: UInt64, ChannelID)
    }

    /// Deliveries with tags in a row that are settled alike.
    struct Settled: Sendable {
        var channel: ChannelID
        var tags: ClosedRange<UInt64>
        var settlement: ChannelMachine.Settlement
    }

    /// Everything handed in since the last time.
    struct Contents: Sendable {
        var batch: PublicationBatch
        var entries: [Entry] = []
        var settled: [Settled] = []

        var isEmpty: Bool { entries.isEmpty && settled.isEmpty }
    }

    /// A channel whose deliveries can be settled.
    fileprivate struct Channel: Sendable {
        var epoch: UInt64
        /// So many settlements wake the event loop; `nil` while there is no consumer, and each one does.
        var threshold: Int?
    }

    fileprivate struct State: Sendable {
        var contents = Contents(batch: PublicationBatch())
        /// How many deliveries the contents settle.
        var settledCount = 0
        var channels: [Channel?] = []
        var isWakeScheduled = false
        /// Whether the event loop will look of itself soon.
        var isLookDue = false
        var spares = SpareBuffers()
        /// How much the last batches had, to allocate once.
        var byteCapacity = 0
    }

    private let state = NIOLockedValueBox(State())

    /// Hands in messages, unless `isCancelled`; the caller wakes the event loop when told.
    ///
    /// The question is asked under the lock: a cancellation that comes later finds the messages here.
    func publish(
        _ batch: PublicationBatch, isCancelled: @autoclosure () -> Bool = Task.isCancelled
    ) -> (isAccepted: Bool, isWakeNeeded: Bool) {
        state.withLockedValue { state in
            guard !isCancelled() else { return (false, false) }
            state.contents.entries.append(.publications(count: batch.publications.count))
            state.contents.batch.append(batch)
            return (true, state.takeWake())
        }
    }

    /// Gives up a publish that was handed in.
    func cancelPublish(_ waiterID: UInt64, on channel: ChannelID) -> Bool {
        state.withLockedValue { state in
            state.contents.entries.append(.cancelled(waiterID: waiterID, channel))
            return state.takeWake()
        }
    }

    /// Settles deliveries of one channel; those that are accepted are sent unless the channel ends before.
    ///
    /// - Returns: whether the channel takes settlements, and whether to wake the event loop.
    func settle(
        _ tags: some Collection<UInt64>, _ settlement: ChannelMachine.Settlement, on channel: ChannelID
    ) -> (isAccepted: Bool, isWakeNeeded: Bool) {
        state.withLockedValue { state in
            guard let known = state.channel(channel.number), known.epoch == channel.epoch else { return (false, false) }
            for tag in tags { state.settle(tag, settlement, on: channel) }
            if settlement == .acknowledge, state.isLookDue, state.settledCount < known.threshold ?? 1 {
                return (true, false)
            }
            return (true, state.takeWake())
        }
    }

    // MARK: The connection's side, under its lock

    /// Takes everything; what comes from now on wakes the event loop again.
    func drain() -> Contents? {
        state.withLockedValue { state in
            state.isWakeScheduled = false
            state.settledCount = 0
            guard !state.contents.isEmpty else { return nil }
            let used = state.contents.batch.byteCount
            // Follows the load up at once and down slowly, and forgets what was exceptional.
            state.byteCapacity = min(max(used, state.byteCapacity - state.byteCapacity / 8), FrameWriter.large)
            let fresh =
                used > 0 ? PublicationBatch(using: state.spares.take(state.byteCapacity), count: 0) : PublicationBatch()
            defer { state.contents = Contents(batch: fresh) }
            return state.contents
        }
    }

    /// Notes whether the event loop will look soon of its own.
    func setLookDue(_ isDue: Bool) {
        state.withLockedValue { $0.isLookDue = isDue }
    }

    // MARK: Memory

    /// How many bytes are kept for writes to come.
    var spareBytes: Int { state.withLockedValue(\.spares.byteCount) }

    func spare(_ byteCount: Int) -> ByteBuffer {
        state.withLockedValue { $0.spares.take(byteCount) }
    }

    func recycle(_ buffers: [ByteBuffer]) {
        guard buffers.contains(where: SpareBuffers.isWorthKeeping) else { return }
        state.withLockedValue { $0.spares.keep(buffers) }
    }

    /// Nothing was sent for a while: memory that is not used is not kept.
    func releaseSpares() {
        state.withLockedValue { $0.spares = SpareBuffers() }
    }

    /// A change to the channels whose deliveries can be settled.
    enum ChannelChange: Sendable {
        case opened(ChannelID)
        /// A consumer with this prefetch, 0 for none, was started.
        case consumes(UInt16, prefetch: UInt16)
        case ended(UInt16)
        case allEnded
    }

    func apply(_ changes: [ChannelChange]) {
        guard !changes.isEmpty else { return }
        state.withLockedValue { state in
            for change in changes { state.apply(change) }
        }
    }
}

extension Intake.State {
    fileprivate func channel(_ number: UInt16) -> Intake.Channel? {
        Int(number) < channels.count ? channels[Int(number)] : nil
    }

    fileprivate mutating func settle(
        _ tag: UInt64, _ settlement: ChannelMachine.Settlement, on channel: ChannelID
    ) {
        settledCount += 1
        // Most deliveries are settled in their order, so that most of this is one range.
        if let last = contents.settled.last, last.tags.upperBound + 1 == tag, settlement == .acknowledge,
            last.settlement == .acknowledge, last.channel == channel
        {
            contents.settled[contents.settled.count - 1].tags = last.tags.lowerBound...tag
        } else {
            contents.settled.append(Intake.Settled(channel: channel, tags: tag...tag, settlement: settlement))
        }
    }

    fileprivate mutating func takeWake() -> Bool {
        guard !isWakeScheduled else { return false }
        isWakeScheduled = true
        return true
    }

    fileprivate mutating func apply(_ change: Intake.ChannelChange) {
        switch change {
        case .opened(let id):
            let missing = Int(id.number) + 1 - channels.count
            if missing > 0 { channels.append(contentsOf: repeatElement(nil, count: missing)) }
            channels[Int(id.number)] = Intake.Channel(epoch: id.epoch)
        case .consumes(let number, let prefetch):
            guard let channel = channel(number) else { return }
            // A quarter: the broker must never run dry for want of an acknowledgement that lies here.
            let share = prefetch == 0 ? 256 : max(1, min(256, Int(prefetch) / 4))
            channels[Int(number)]?.threshold = min(channel.threshold ?? share, share)
        case .ended(let number):
            if channel(number) != nil { channels[Int(number)] = nil }
        case .allEnded: channels = []
        }
    }
}
