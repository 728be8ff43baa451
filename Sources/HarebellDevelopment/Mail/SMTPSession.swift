#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One SMTP conversation as a pure state machine (RFC 5321): bytes in, actions out.
///
/// ```
///            HELO/EHLO        MAIL         RCPT          DATA              CRLF . CRLF
/// greeted ─────────────► ready ───► mail ───────► mail+ ──────► data ────────────────► storing
///                          ▲  ◄──── RSET ──────────┘                                      │
///                          └───────────────────── stored() ───────────────────────────────┘
/// ready ── AUTH ──► authenticating ──► ready      any ── QUIT, too many errors, a limit ──► closed
/// ```
/// Commands may be pipelined; while a message is being stored, what follows waits here.
struct SMTPSession {
    enum Action: Hashable {
        case reply(SMTPReply)
        /// Store the message, then call `stored`.
        case store(SMTPEnvelope)
        /// Everything after the reply before this one is TLS; call `secured`.
        case startTLS
        case close
    }

    private enum State {
        case command
        case authenticating(SMTPAuthentication)
        case data(SMTPBody)
        case storing
        case closed
    }

    let limits: MailSink.Limits
    let options: Options
    private var state = State.command
    private var input: [UInt8] = []
    /// What of `input` was consumed: removing from the front line by line would cost the square.
    private var consumed = 0
    private var hasGreeted = false
    private var isSecure = false
    private var isAuthenticated = false
    private var transaction: SMTPEnvelope?
    private var errors = 0

    /// What the server offers and asks for.
    struct Options {
        var hostname = "localhost"
        var credentials: MailSink.Credentials?
        var offersTLS = false
        var requiresTLS = false
        /// The reply to a recipient that is refused; nil accepts it.
        var refusal: @Sendable (String) -> SMTPReply? = { _ in nil }
    }

    init(limits: MailSink.Limits = MailSink.Limits(), options: Options = Options()) {
        self.limits = limits
        self.options = options
    }

    /// The greeting of a new connection.
    var greeting: SMTPReply { SMTPReply(220, "\(options.hostname) ESMTP mail sink") }

    /// Takes bytes from the client.
    mutating func receive(_ bytes: some Sequence<UInt8>) -> [Action] {
        if case .closed = state { return [] }
        input.append(contentsOf: bytes)
        return advance()
    }

    /// The message of the last `store` action is kept, or could not be.
    mutating func stored(_ reply: SMTPReply) -> [Action] {
        guard case .storing = state else { return [] }
        state = .command
        return [.reply(reply)] + advance()
    }

    /// The connection is encrypted from now on: what the client said before is forgotten (RFC 3207 §4.2).
    mutating func secured() {
        isSecure = true
        hasGreeted = false
        isAuthenticated = false
        transaction = nil
    }

    private mutating func advance() -> [Action] {
        var actions: [Action] = []
        loop: while true {
            switch state {
            case .closed, .storing:
                break loop
            case .data(var body):
                // The body is moved out of the state and back: it must not be copied for every line.
                state = .storing
                let finished = body.take(input, from: &consumed, limits: limits)
                guard finished else {
                    state = .data(body)
                    if body.isHopeless(limits) { actions += close(.tooLarge) }
                    break loop
                }
                actions += finish(body)
            case .command, .authenticating:
                guard let newline = input[consumed...].firstIndex(of: UInt8(ascii: "\n")) else {
                    if input.count - consumed > limits.commandLength { actions += close(.lineTooLong) }
                    break loop
                }
                var line = input[consumed..<newline]
                consumed = newline + 1
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                actions += line.count > limits.commandLength ? close(.lineTooLong) : handle(line)
            }
        }
        input.removeFirst(consumed)
        consumed = 0
        return actions
    }

    private mutating func close(_ reply: SMTPReply) -> [Action] {
        state = .closed
        consumed = input.count
        return [.reply(reply), .close]
    }

    private mutating func fail(_ reply: SMTPReply) -> [Action] {
        errors += 1
        return errors > limits.errors ? close(.tooManyErrors) : [.reply(reply)]
    }

    private mutating func finish(_ body: SMTPBody) -> [Action] {
        guard var envelope = transaction, body.problem == nil else {
            state = .command
            transaction = nil
            return fail(body.problem ?? .badSequence)
        }
        transaction = nil
        envelope.content = body.content
        state = .storing
        return [.store(envelope)]
    }

    private mutating func handle(_ bytes: ArraySlice<UInt8>) -> [Action] {
        guard let line = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            return fail(SMTPReply(500, "5.5.2 Not UTF-8 text"))
        }
        if case .authenticating(let step) = state {
            state = .command
            return authenticate(step.answered(line))
        }
        switch SMTPCommand(line: line) {
        case .hello(_, let extended):
            hasGreeted = true
            transaction = nil
            return [.reply(extended ? SMTPReply(250, lines: extensions) : SMTPReply(250, options.hostname))]
        case .mail(let path, let parameters): return begin(path, parameters)
        case .recipient(let path, let parameters): return add(path, parameters)
        case .data:
            guard let transaction else { return fail(.badSequence) }
            guard !transaction.recipients.isEmpty else { return fail(SMTPReply(554, "5.5.1 No valid recipients")) }
            state = .data(SMTPBody())
            return [.reply(SMTPReply(354, "End data with <CR><LF>.<CR><LF>"))]
        case .reset:
            transaction = nil
            return [.reply(.ok)]
        case .noop: return [.reply(.ok)]
        case .help: return [.reply(SMTPReply(214, "2.0.0 This server keeps every message and delivers none"))]
        case .verify: return [.reply(SMTPReply(252, "2.5.0 Cannot verify; send and see"))]
        case .quit:
            return close(SMTPReply(221, "2.0.0 Bye"))
        case .startTLS:
            guard options.offersTLS, !isSecure else { return fail(SMTPReply(502, "5.5.1 Not available")) }
            // Bytes sent in the clear after STARTTLS would be taken for encrypted ones: an old attack.
            consumed = input.count
            return [.reply(SMTPReply(220, "2.0.0 Ready to start TLS")), .startTLS]
        case .authenticate(let mechanism, let initial):
            guard let credentials = options.credentials, hasGreeted else { return fail(.badSequence) }
            guard !options.requiresTLS || isSecure else { return fail(Self.encryptionRequired) }
            guard !isAuthenticated, transaction == nil else { return fail(.badSequence) }
            guard let step = SMTPAuthentication(mechanism: mechanism, credentials: credentials) else {
                return fail(SMTPReply(504, "5.5.4 Unknown mechanism"))
            }
            return authenticate(initial.map(step.answered) ?? .ask(step))
        case .malformed: return fail(.badParameter)
        case .unknown: return fail(SMTPReply(500, "5.5.1 Unknown command"))
        }
    }

    private static let encryptionRequired = SMTPReply(530, "5.7.0 Must issue a STARTTLS command first")

    private var extensions: [String] {
        var lines = [
            options.hostname, "PIPELINING", "SIZE \(limits.messageSize)", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
        ]
        if options.offersTLS, !isSecure { lines.append("STARTTLS") }
        if options.credentials != nil, isSecure || !options.requiresTLS { lines.append("AUTH PLAIN LOGIN") }
        return lines
    }

    private mutating func authenticate(_ outcome: SMTPAuthentication.Outcome) -> [Action] {
        switch outcome {
        case .ask(let step):
            state = .authenticating(step)
            return [.reply(SMTPReply(334, step.challenge))]
        case .accepted:
            isAuthenticated = true
            return [.reply(SMTPReply(235, "2.7.0 Authentication successful"))]
        case .refused: return fail(SMTPReply(535, "5.7.8 Authentication credentials invalid"))
        case .malformed: return fail(SMTPReply(501, "5.5.2 Cannot decode"))
        }
    }

    private mutating func begin(_ path: SMTPPath, _ parameters: [String: String]) -> [Action] {
        guard hasGreeted, transaction == nil else { return fail(.badSequence) }
        guard !options.requiresTLS || isSecure else { return fail(Self.encryptionRequired) }
        guard options.credentials == nil || isAuthenticated else {
            return fail(SMTPReply(530, "5.7.0 Authentication required"))
        }
        for (key, value) in parameters {
            switch key {
            case "SIZE":
                guard let size = Int(value), size >= 0 else { return fail(.badParameter) }
                guard size <= limits.messageSize else { return fail(.tooLarge) }
            case "BODY":
                guard ["7BIT", "8BITMIME"].contains(value.uppercased()) else { return fail(.badParameter) }
            case "SMTPUTF8", "AUTH": break
            default: return fail(SMTPReply(555, "5.5.4 Unknown parameter \(key.prefix(40))"))
            }
        }
        let takesUnicode = parameters["SMTPUTF8"] != nil
        guard path.isASCII || takesUnicode else {
            return fail(SMTPReply(553, "5.6.7 Address is not ASCII and SMTPUTF8 was not asked for"))
        }
        transaction = SMTPEnvelope(sender: path.address, takesUnicode: takesUnicode)
        return [.reply(SMTPReply(250, "2.1.0 Sender OK"))]
    }

    private mutating func add(_ path: SMTPPath, _ parameters: [String: String]) -> [Action] {
        guard let envelope = transaction else { return fail(.badSequence) }
        guard !path.address.isEmpty else { return fail(.badParameter) }
        guard parameters.isEmpty else { return fail(SMTPReply(555, "5.5.4 Unknown parameter")) }
        guard path.isASCII || envelope.takesUnicode else {
            return fail(SMTPReply(553, "5.6.7 Address is not ASCII and SMTPUTF8 was not asked for"))
        }
        guard envelope.recipients.count < limits.recipients else {
            return fail(SMTPReply(452, "4.5.3 Too many recipients"))
        }
        // A refusal that was asked for is no misbehaviour of the client.
        if let refusal = options.refusal(path.address) { return [.reply(refusal)] }
        transaction?.recipients.append(path.address)
        return [.reply(SMTPReply(250, "2.1.5 Recipient OK"))]
    }
}

/// Who sent a message to whom, and its bytes.
struct SMTPEnvelope: Hashable, Sendable {
    let sender: String
    let takesUnicode: Bool
    var recipients: [String] = []
    var content: [UInt8] = []
}
