import Logging
import NIOConcurrencyHelpers
import NIOCore

/// What the handles of a connection share: the state behind its one lock, and the way to wake its event loop.
final class ConnectionCore: Sendable {
    private let machine: NIOLockedValueBox<ConnectionMachine>
    private let eventLoop: any EventLoop
    private let handler: NIOLockedValueBox<NIOLoopBound<ConnectionHandler>?>
    let configuration: AMQPConfiguration
    let logger: Logger

    init(_ machine: ConnectionMachine, eventLoop: any EventLoop, logger: Logger) {
        configuration = machine.configuration
        self.machine = NIOLockedValueBox(machine)
        self.eventLoop = eventLoop
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
            let result = body(&machine)
            return (result, machine.out.takeEffects(), isOnLoop ? false : machine.takeWake())
        }
        if isWakeNeeded, let handler = handler.withLockedValue({ $0 }) {
            eventLoop.execute { handler.value.service() }
        }
        return (result, effects)
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
