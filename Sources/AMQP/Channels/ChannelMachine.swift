import Logging
import NIOCore

/// One channel as a state machine: calls in order, confirms, consumers, settlements, content.
///
///     opening ──open-ok──► open ──close()──► closing ──close-ok──► gone
///        └───────────────────┴──channel.close from the broker───► gone
///
/// While closing, answers and confirms of what was sent before still arrive and count; deliveries are let go, the
/// broker takes them back.
struct ChannelMachine: Sendable {
    /// A method that waits for its answer.
    struct Call: Sendable {
        enum Listener: Sendable {
            case waiting(Waiter<Result<Reply, AMQPError>>)
            /// Part of a larger operation; its failure is that of the channel.
            case silent
            /// The caller was cancelled or timed out.
            case abandoned
        }

        var id: UInt64
        var kind: ReplyKind
        var listener: Listener
        var deadline: NIODeadline?
        /// For basic.consume and basic.cancel: the consumer's tag, which the answer repeats.
        var consumerTag: String?

        /// Whether something happens when its deadline passes: somebody waits for the answer, or reads what the consumer
        /// delivers, whose end is the answer to a basic.cancel.
        var isTimed: Bool {
            switch listener {
            case .waiting: true
            case .abandoned: kind == .basicCancelOK
            case .silent: false
            }
        }
    }

    /// Whoever waits for the channel's end.
    struct CloseWaiter: Sendable {
        var id: UInt64
        var waiter: Waiter<AMQPError?>
        var deadline: NIODeadline?
    }

    struct Consumer: Sendable {
        let tag: String
        /// Where deliveries go; `nil` once nobody wants them.
        var queue: DeliveryQueue?
        /// What its deliveries end with when it was stopped because the channel is about to be closed.
        var end: AMQPError?
        /// Whether the broker has answered: deliveries may come before, and are kept until somebody is sure to want them.
        var hasBegun = false
        var inbox: [ReceivedMessage] = []
    }

    /// How many more deliveries than asked for are put up with.
    ///
    /// A quorum queue that loses sight of its consumer for a moment hands the same messages out once more.
    static let surplus = 64

    let number: UInt16
    /// Tells this channel from an earlier one of the same number.
    let epoch: UInt64
    let hasConfirms: Bool
    private(set) var isClosing = false
    var calls = CircularBuffer<Call>()
    var confirms = ConfirmTracker<PublishWaiter>()
    var window = SettlementWindow()
    /// Few, as a rule one: found by going through them, the last one found first.
    var consumers: [Consumer] = []
    var lastConsumer = 0
    /// The consumers that have got something in this read.
    var withInbox: [String] = []
    /// How many unsettled deliveries the consumers allow; `nil` when one of them sets no limit.
    var mostUnsettled: Int? = ChannelMachine.surplus
    var closeWaiters: [CloseWaiter] = []
    /// Nobody holds the channel's handle; why it ended need not be remembered.
    var isOrphan = false
    var content: ContentAssembly

    init(number: UInt16, epoch: UInt64, hasConfirms: Bool, maximumBodySize: Int) {
        self.number = number
        self.epoch = epoch
        self.hasConfirms = hasConfirms
        content = ContentAssembly(channel: number, maximumBodySize: maximumBodySize)
    }

    // MARK: Calls

    /// Writes a method and puts it in the line of those that wait for an answer.
    mutating func call(_ method: OutboundMethod, _ call: Call, _ out: inout Output) {
        do {
            try out.frames.write(method, channel: number)
            calls.append(call)
        } catch {
            if case .waiting(let waiter) = call.listener { out.effects.append(.reply(waiter, .failure(error))) }
        }
    }

    /// Begins an orderly close; what was acked before is said before.
    mutating func close(_ out: inout Output) {
        guard !isClosing else { return }
        flushAcknowledgements(&out)
        isClosing = true
        out.send(.channelClose(ClosePayload(code: 200, text: "closed by the client")), channel: number)
    }

    /// Gives up waiting calls and publishes: those of one id, or those whose deadline has passed.
    mutating func abandon(
        _ error: AMQPError, _ out: inout Output, where isGivenUp: (UInt64, NIODeadline?) -> Bool
    ) {
        var isUnwanted = false
        for index in calls.indices {
            guard isGivenUp(calls[index].id, calls[index].deadline) else { continue }
            switch calls[index].listener {
            case .waiting(let waiter):
                calls[index].listener = .abandoned
                out.effects.append(.reply(waiter, .failure(error)))
            case .abandoned where calls[index].isTimed: break
            case .abandoned, .silent: continue
            }
            switch calls[index].kind {
            case .channelOpenOK, .confirmSelectOK:
                // Nobody will ever use the channel.
                isOrphan = true
                isUnwanted = true
            case .basicConsumeOK:
                // It is cancelled when it has begun.
                guard let place = calls[index].consumerTag.flatMap({ consumerIndex($0) }) else { break }
                consumers[place].queue = nil
                let early = consumers[place].inbox
                consumers[place].inbox = []
                for message in early { release(message.info.deliveryTag, &out) }
            case .basicCancelOK where error.code == .timedOut:
                // Whoever reads its deliveries is told the end now: the broker may be silent for as long as it likes.
                calls[index].deadline = nil
                guard let tag = calls[index].consumerTag, let place = consumerIndex(tag) else { break }
                flushInbox(tag, &out)
                if let queue = consumers[place].queue.take() {
                    out.effects.append(.finish(queue, consumers[place].end))
                }
            default: break
            }
        }
        if isUnwanted { close(&out) }
        for waiter in confirms.abandon(where: { isGivenUp($0.id, $1) }) { out.complete(waiter, error) }
        for waiter in closeWaiters where isGivenUp(waiter.id, waiter.deadline) {
            out.effects.append(.closed(waiter.waiter, error))
        }
        closeWaiters.removeAll { isGivenUp($0.id, $0.deadline) }
    }

    /// Gives up the publishes of these calls.
    mutating func abandonPublishes(of calls: Set<UInt64>, _ error: AMQPError, _ out: inout Output) {
        let waiters = confirms.abandonCalls(calls) {
            $0.id
        } isFirst: {
            $0.isFirstOfItsCall
        }
        for waiter in waiters { out.complete(waiter, error) }
    }

    /// The earliest moment at which something here times out.
    var earliestDeadline: NIODeadline? {
        var earliest = confirms.earliestDeadline
        for deadline in closeWaiters.compactMap(\.deadline) {
            earliest = earliest.map { min($0, deadline) } ?? deadline
        }
        for call in calls {
            guard let deadline = call.deadline, call.isTimed else { continue }
            earliest = earliest.map { min($0, deadline) } ?? deadline
        }
        return earliest
    }

    // MARK: The end

    /// Fails everything that waits; called once, when the channel is gone.
    mutating func end(_ error: AMQPError?, _ out: inout Output) {
        let cause = error ?? AMQPError(.closed, "the channel was closed")
        while let call = calls.popFirst() {
            if case .waiting(let waiter) = call.listener { out.effects.append(.reply(waiter, .failure(cause))) }
        }
        for waiter in confirms.removeAll() { out.complete(waiter, cause) }
        for consumer in consumers {
            // What is still buffered cannot be settled any more; the broker delivers it again.
            if let queue = consumer.queue { out.effects.append(.finish(queue, cause)) }
        }
        consumers = []
        withInbox = []
        for waiter in closeWaiters { out.effects.append(.closed(waiter.waiter, error)) }
        closeWaiters = []
    }
}
