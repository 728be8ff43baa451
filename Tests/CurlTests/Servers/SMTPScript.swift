import Synchronization

/// A mail server: answers each command by its verb, and keeps what it was told.
///
/// `replies` overrides the usual answer to a verb (`CONNECT` is the greeting, `MESSAGE` what follows the final dot);
/// nil as an answer means silence.
struct SMTPScript: Script {
    let log: SMTPLog
    var capabilities: [String] = []
    var replies: [String: String?] = [:]
    private var isInData = false
    private var awaitsSecret = false

    init(log: SMTPLog, capabilities: [String] = [], replies: [String: String?] = [:]) {
        self.log = log
        self.capabilities = capabilities
        self.replies = replies
    }

    mutating func opened() -> [Reaction] { answer("CONNECT", "220 mail.test ESMTP") }

    mutating func received(_ buffer: inout [UInt8]) -> [Reaction] {
        var reactions: [Reaction] = []
        while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: buffer[..<end].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
            buffer.removeFirst(end + 1)
            reactions += isInData ? data(line) : command(line)
        }
        return reactions
    }

    private mutating func data(_ line: String) -> [Reaction] {
        guard line == "." else {
            log.state.withLock { $0.message.append(line) }
            return []
        }
        isInData = false
        return answer("MESSAGE", "250 2.0.0 queued as 4711")
    }

    private mutating func command(_ line: String) -> [Reaction] {
        log.state.withLock { $0.commands.append(line) }
        if awaitsSecret {
            awaitsSecret = false
            return answer("SECRET", "235 2.7.0 accepted")
        }
        let verb = line.split(separator: " ").first.map { $0.uppercased() } ?? ""
        switch verb {
        case "EHLO":
            let lines = ["mail.test"] + capabilities
            let reply = lines.enumerated().map { "250\($0 == lines.count - 1 ? " " : "-")\($1)\r\n" }.joined()
            return answer(verb, String(reply.dropLast(1)))
        case "STARTTLS":
            // What was offered before counts no more, as RFC 3207 demands.
            capabilities.removeAll { $0 == "STARTTLS" }
            let reactions = answer(verb, "220 go ahead")
            return reactions.isEmpty || replies["STARTTLS"] != nil ? reactions : reactions + [.startTLS]
        case "AUTH":
            awaitsSecret = line.split(separator: " ").count == 2
            return awaitsSecret ? [.send("334 \r\n")] : answer(verb, "235 2.7.0 accepted")
        case "DATA":
            let reactions = answer(verb, "354 end with a dot")
            isInData = replies["DATA"] == nil
            return reactions
        case "QUIT": return answer(verb, "221 bye") + [.close]
        default: return answer(verb, "250 2.0.0 ok")
        }
    }

    private func answer(_ verb: String, _ usual: String) -> [Reaction] {
        guard let reply = replies[verb] else { return [.send(usual + "\r\n")] }
        guard let reply else { return [] }
        return [.send(reply + "\r\n")]
    }
}

/// What a mail server was told.
final class SMTPLog: Sendable {
    struct State {
        var commands: [String] = []
        var message: [String] = []
    }

    let state = Mutex(State())

    var commands: [String] { state.withLock { $0.commands } }
    /// The message's lines as they came over the wire, dots doubled.
    var message: [String] { state.withLock { $0.message } }
}
