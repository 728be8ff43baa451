import Logging
import NIOConcurrencyHelpers
import NIOCore

/// What the handles of a connection share: the state behind its one lock, and the way to wake its event loop.
final class ConnectionCore: Sendable {
    private let machine: NIOLockedValueBox<ConnectionMachine>
    private let eventLoop: any EventLoop
    private let handler: NIOLockedValueBox<NIOLoopBound<ConnectionHandler>?>
    private let intake = Intake()
    let configuration: AMQPConfiguration
    /// Runs tasks where ``eventLoop`` runs.
    let taskExecutor: EventLoopTaskExecutor
    let logger: Logger

    init(_ machine: ConnectionMachine, eventLoop: any EventLoop, logger: Logger) {
        configuration = machine.configuration
        self.machine = NIOLockedValueBox(machine)
        self.eventLoop = eventLoop
        taskExecutor = EventLoopTaskExecutor.of(eventLoop)
        self.logger = logger
        handler = NIOLockedValueBox(nil)
    }

    /// Gives the core its handler; on the event loop, before the first byte.
    func attach(_ handler: ConnectionHandler) {
        let bound = NIOLoopBound(handler, eventLoop: eventLoop)
        self.handler.withLockedValue { $0 = bound }
    }

    /// Breaks the cycle of core and handler when the socket is gone.
    func detach() {
        handler.withLockedValue { $0 = nil }
    }

    /// Changes the state under the lock; afterwards wakes the loop if it is the first to want that, and runs effects.
    @discardableResult
    func perform<R>(isOnLoop: Bool = false, _ body: (inout ConnectionMachine) -> R) -> R {
        let (result, effects) = collect(isOnLoop: isOnLoop, body)
        run(effects)
        return result
    }

    /// The same, for a caller that holds a lock of its own and runs the effects when it has let go of it.
    func collect<R>(isOnLoop: Bool = false, _ body: (inout ConnectionMachine) -> R) -> (R, [Effect]) {
        let (result, effects, isWakeNeeded) = machine.withLockedValue { machine in
            if let contents = intake.drain() { machine.take(contents) }
            let result = body(&machine)
            intake.apply(machine.takeChannelChanges())
            return (result, machine.out.takeEffects(), isOnLoop ? false : machine.takeWake())
        }
        if isWakeNeeded { wake() }
        return (result, effects)
    }

    /// Has the event loop look; also when the socket is gone, so that whoever was too late is told.
    private func wake() {
        eventLoop.execute { [self] in
            if let handler = handler.withLockedValue({ $0 }) {
                handler.value.service()
            } else {
                perform(isOnLoop: true) { _ in }
            }
        }
    }

    // MARK: Without the connection's lock

    /// Hands messages to the event loop; false if `isCancelled` and nothing was handed over.
    func publish(_ batch: PublicationBatch, isCancelled: @autoclosure () -> Bool) -> Bool {
        let (isAccepted, isWakeNeeded) = intake.publish(batch, isCancelled: isCancelled())
        if isWakeNeeded { wake() }
        return isAccepted
    }

    /// Memory for so many bytes of frames.
    func spare(_ byteCount: Int) -> ByteBuffer {
        // Without a lock for a small one, which the allocator has at hand.
        byteCount >= FrameWriter.large ? intake.spare(byteCount) : ByteBufferAllocator().buffer(capacity: byteCount)
    }

    /// Takes back memory that was written to the socket.
    func recycle(_ buffers: [ByteBuffer]) {
        intake.recycle(buffers)
    }

    /// Lets memory for writes go.
    func releaseSpares() {
        intake.releaseSpares()
    }

    /// Gives up a publish.
    func cancelPublish(_ waiterID: UInt64, on channel: ChannelID) {
        if intake.cancelPublish(waiterID, on: channel) { wake() }
    }

    /// Settles deliveries; false if their channel is gone.
    func settle(
        _ tags: some Collection<UInt64>, _ settlement: ChannelMachine.Settlement, on channel: ChannelID
    ) -> Bool {
        let (isAccepted, isWakeNeeded) = intake.settle(tags, settlement, on: channel)
        if isWakeNeeded { wake() }
        return isAccepted
    }

    /// Takes what was read; the caller runs the effects.
    func receive(_ bytes: ByteBuffer, now: NIODeadline) -> (ReadOutcome, [Effect]) {
        collect(isOnLoop: true) { machine in
            machine.receive(bytes, now: now)
            return machine.outcome
        }
    }

    /// The event loop will look of itself soon, or has no plan to.
    func setLookDue(_ isDue: Bool) {
        intake.setLookDue(isDue)
    }

    func run(_ effects: [Effect]) {
        for effect in effects {
            if case .log(let level, let message) = effect {
                logger.log(level: level, "\(message)")
            } else {
                effect.run()
            }
        }
    }

    /// A look at the state.
    func read<R>(_ body: (ConnectionMachine) -> R) -> R {
        machine.withLockedValue { body($0) }
    }
}
