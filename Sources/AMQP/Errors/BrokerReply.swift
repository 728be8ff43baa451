import CRabbitMQ

/// A reply code and the broker's words as a sentence: what happened, on what, and what to do.
///
/// The words are those of RabbitMQ 3.10 to 4.3; what is not recognised is passed on as it is.
struct BrokerReply: CustomStringConvertible {
    let code: UInt16
    /// The words after the name of the code.
    let words: Substring
    /// Class and method that were refused, `0` if unknown.
    let method: UInt32

    init(code: UInt16, text: String, method: UInt32) {
        self.code = code
        self.method = method
        words = text.firstRange(of: " - ").map { text[$0.upperBound...] } ?? text[...]
    }

    /// The broker's words without what may be a piece of a message: it quotes the bytes of frames it did not understand.
    static func withoutBytes(_ text: String) -> String {
        let printable = String(
            text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : Character($0) })
        return printable.firstRange(of: "<<").map { printable[..<$0.lowerBound] + "…" } ?? printable
    }

    /// For example `404 NOT_FOUND: there is no queue "email" in virtual host "/": declare it first`.
    var description: String { "\(code) \(Self.name(of: code)): \(sentence)" }

    /// The name of a reply code, as the specification has it (AMQP 0-9-1 §1.1, constants).
    static func name(of code: UInt16) -> String {
        guard let name = amqp_constant_name(Int32(code)) else { return "UNKNOWN" }
        let text = String(cString: name)
        return text.hasPrefix("AMQP_") ? String(text.dropFirst(5)) : "UNKNOWN"
    }

    /// What stands between single quotes.
    private var quoted: [String] {
        words.split(separator: "'", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { "\"\($0.element)\"" }
    }

    private func has(_ text: String) -> Bool {
        words.firstRange(of: text) != nil
    }

    private var sentence: String {
        switch code {
        case 312, 313: "\(words): bind a queue, or publish with mandatory off"
        case 311: "\(words): the message is larger than the broker takes"
        case 320: "the broker ended the connection: \(words): connect again, a client does so by itself"
        case 402: "\(words): check the name of the virtual host"
        case 403: refused
        case 404: missing
        case 405: locked
        case 406: differing
        case 501...505: "the broker did not accept what this program sent: \(words): this is a defect, please report it"
        case 506: "the broker lacks resources: \(words): try again later"
        case 530: notAllowed
        case 540: "this broker cannot do it: \(words)"
        case 541: "the broker failed: \(words): its log tells why"
        default: String(words)
        }
    }

    // MARK: 403

    private var refused: String {
        let names = quoted
        if has("Login was refused") {
            return has("EXTERNAL")
                ? "the login was refused: the name in our certificate must be a user of the broker"
                : "the login was refused: check user name and password; the broker's log tells which it is"
        }
        if has("refused for user"), names.count >= 3 {
            let cure = "grant it with rabbitmqctl set_permissions"
            if has("access to topic"), names.count >= 4 {
                let topic = "routing key \(names[0]) of exchange \(names[1])"
                return "user \(names[3]) may not \(verb) \(topic) in virtual host \(names[2]): grant it with "
                    + "rabbitmqctl set_topic_permissions"
            }
            let subject = has("to exchange") ? "exchange" : "queue"
            return "user \(names[2]) may not \(verb) \(subject) \(names[0]) in virtual host \(names[1]): \(cure)"
        }
        if has("exclusive use"), names.count >= 2 {
            return "queue \(names[0]) in virtual host \(names[1]) has an exclusive consumer: stop that one first"
        }
        if has("reserved prefix") { return "\(words): choose another name, those with amq. belong to the broker" }
        if has("default exchange") {
            return "\(words): it cannot be declared, deleted or bound; each queue is bound to it by its name"
        }
        return String(words)
    }

    /// What the user may not do; brokers before 3.11 do not say, but the method does.
    private var verb: String {
        for (word, verb) in [("configure", "configure"), ("write", "write to"), ("read", "read from")]
        where words.hasPrefix(word + " access") { return verb }
        let onQueue = has("access to queue")
        return switch method {
        case UInt32(AMQP_BASIC_PUBLISH_METHOD): "write to"
        case UInt32(AMQP_BASIC_CONSUME_METHOD), UInt32(AMQP_BASIC_GET_METHOD), UInt32(AMQP_QUEUE_PURGE_METHOD):
            "read from"
        case UInt32(AMQP_QUEUE_BIND_METHOD), UInt32(AMQP_QUEUE_UNBIND_METHOD): onQueue ? "write to" : "read from"
        case UInt32(AMQP_QUEUE_DECLARE_METHOD): onQueue ? "configure" : "write to"
        case UInt32(AMQP_EXCHANGE_BIND_METHOD), UInt32(AMQP_EXCHANGE_UNBIND_METHOD): "bind"
        default: "configure"
        }
    }

    // MARK: The others

    private var missing: String {
        let names = quoted
        guard names.count >= 2 else { return String(words) }
        for kind in ["exchange", "queue"] where words.hasPrefix("no \(kind)") {
            return "there is no \(kind) \(names[0]) in virtual host \(names[1]): declare it first, or check the name"
        }
        if has("down or inaccessible") || has("stopped") { return "\(words): it comes back with its node" }
        return String(words)
    }

    private var locked: String {
        let names = quoted
        guard names.count >= 2 else { return String(words) }
        return "queue \(names[0]) in virtual host \(names[1]) is exclusive to another connection: use another name, or "
            + "close that one"
    }

    private var differing: String {
        let names = quoted
        if has("inequivalent arg"), names.count >= 3, let found = words.firstRange(of: "received") {
            let kind = has("for exchange") ? "exchange" : "queue"
            return
                "\(kind) \(names[1]) in virtual host \(names[2]) exists with another \(names[0].dropFirst().dropLast()): "
                + "\(words[found.lowerBound...]): declare it as it is, or delete it first"
        }
        if has("unknown delivery tag") {
            return "\(words): a delivery is settled once, and on the channel that it came on"
        }
        if has("timed out") {
            return "\(words): settle deliveries sooner, or raise the broker's consumer_timeout"
        }
        if has("user_id property") { return "\(words): leave the user id out, or log in as that user" }
        return String(words)
    }

    private var notAllowed: String {
        let names = quoted
        if words.hasPrefix("vhost "), words.hasSuffix(" not found") {
            let name = words.dropFirst(6).dropLast(10).filter { $0 != "'" }
            return "there is no virtual host \"\(name)\": create it with rabbitmqctl add_vhost, or check the name"
        }
        if has("access to vhost"), names.count >= 2 {
            return "user \(names[1]) may not use virtual host \(names[0]): grant it with rabbitmqctl set_permissions"
        }
        return String(words)
    }
}
