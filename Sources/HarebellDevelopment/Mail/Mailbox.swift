import Synchronization

/// What the sink has kept, who wants to hear of it, and whom it refuses.
final class Mailbox: Sendable {
    private struct State {
        var messages: [MailMessage] = []
        var rules: [RecipientRule] = []
    }

    private let state = Mutex(State())
    private let broadcast = Broadcast<MailMessage>()

    var messages: [MailMessage] { state.withLock { $0.messages } }

    /// The reply to a recipient that a rule refuses.
    var refusal: @Sendable (String) -> SMTPReply? {
        { [self] address in
            state.withLock { state in state.rules.first { $0.matches(address) }?.reply }
        }
    }

    func add(_ message: MailMessage) {
        state.withLock { $0.messages.append(message) }
        broadcast.send(message)
    }

    func add(_ rule: RecipientRule) { state.withLock { $0.rules.append(rule) } }

    func removeRules() { state.withLock { $0.rules = [] } }

    func announcements() -> AsyncStream<MailMessage> { broadcast.stream() }

    func close() { broadcast.finish() }
}
