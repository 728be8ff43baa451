import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// How messages, and the publisher, come to their end without a confirm.
extension RecoveringPublisher {
    /// Waits until everything is confirmed, or the time is over.
    func drain(atMost limit: Duration) async {
        let alarm = Alarm()
        let isEmpty = box.withLockedValue { state in
            if !state.messages.isEmpty { state.drained = alarm }
            return state.messages.isEmpty
        }
        if !isEmpty { await alarm.wait(atMost: limit) }
    }

    /// Closes the channel too; for a publisher whose connection goes on.
    func retire() async {
        close()
        work.ring()
        await box.withLockedValue { $0.sender?.channel }?.close()
    }

    /// Fails what is not confirmed, and everything from now on.
    func close() {
        let (entries, due) = box.withLockedValue { state in
            state.isClosed = true
            return (state.messages.removeAll(), state.dueAlarms())
        }
        for alarm in due { alarm.ring() }
        for entry in entries { entry.continuation.resume(ClientState.closedError) }
    }

    /// Sets the timer unless it is set for earlier; it is never moved, so that a publish costs no wake-up.
    func arm(_ deadline: NIODeadline, _ state: inout State) {
        guard state.armed.map({ $0 > deadline }) ?? true else { return }
        state.armed = deadline
        MultiThreadedEventLoopGroup.singleton.next().scheduleTask(deadline: deadline) { [weak self] in
            self?.expire(deadline)
        }
    }

    private func expire(_ deadline: NIODeadline) {
        var expired: [Republishing.Entry] = []
        var due: [Alarm] = []
        change { state in
            guard state.armed == deadline else { return nil }
            state.armed = nil
            expired = state.messages.expire(now: .now())
            if let next = state.messages.earliestDeadline { arm(next, &state) }
            due = state.dueAlarms()
            // The next suspect, if they go one at a time.
            return send(&state)
        }
        for alarm in due { alarm.ring() }
        for entry in expired {
            entry.continuation.resume(
                AMQPError(.timedOut, "the message was not confirmed in time; whether it was stored is unknown"))
        }
    }
}
