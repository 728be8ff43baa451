import CRabbitMQ

extension BrokerReply {
    /// What happened, on what, and what to do.
    var sentence: String {
        if let known { return known }
        let words = self.words.isEmpty ? "it gave no reason" : String(self.words)
        switch code {
        case 311: return "\(words): the message is larger than the broker takes"
        case 312: return "\(words): declare and bind one, or publish with mandatory off"
        case 313: return "\(words): start one"
        case 320: return "the broker ended the connection: \(words): connect again, a client does so by itself"
        case 402: return "\(words): check the name of the virtual host"
        case 403: return "\(words): the user lacks a permission; the broker's log tells which"
        case 404: return "\(words): declare it first, or check the name"
        case 405: return "\(words): another connection has it for itself; use another name, or close that one"
        case 406: return "\(words): what was asked does not fit what the broker has"
        case 501...505:
            return "the broker did not accept what this program sent: \(words): this is a defect, please report it"
        case 506: return "the broker lacks resources: \(words): try again later"
        case 530: return "\(words): the broker does not allow it"
        case 540: return "this broker cannot do it: \(words)"
        case 541: return "the broker failed: \(words): its log tells why"
        default: return words
        }
    }

    private var known: String? {
        switch code {
        case 403: refused
        case 404: missing
        case 405: locked
        case 406: declaration ?? precondition
        case 503: match("* exchange type '*'").map(unknownType)
        case 530: notAllowed
        default: nil
        }
    }

    private func unknownType(_ parts: [Substring]) -> String {
        "\(parts[0]) exchange type \"\(parts[1])\": check its name, or enable the plug-in that it comes with"
    }

    // MARK: 403

    private var refused: String? {
        if has("Login was refused") {
            return has("EXTERNAL")
                ? "the login was refused: the name in our certificate must be a user of the broker"
                : "the login was refused: check user name and password; the broker's log tells which it is"
        }
        if let parts = match("*access to topic '*' in exchange '*' in vhost '*' refused for user '*'") {
            return "user \"\(parts[4])\" may not \(verb) routing key \"\(parts[1])\" of exchange \"\(parts[2])\" in "
                + "virtual host \"\(parts[3])\": grant it with rabbitmqctl set_topic_permissions"
        }
        for kind in ["exchange", "queue"] {
            guard let parts = match("*access to \(kind) '*' in vhost '*' refused for user '*'") else { continue }
            let subject =
                parts[1].isEmpty || parts[1] == "amq.default" ? "the default exchange" : "\(kind) \"\(parts[1])\""
            return "user \"\(parts[3])\" may not \(verb) \(subject) in virtual host \"\(parts[2])\": grant it with "
                + "rabbitmqctl set_permissions"
        }
        if let parts = match("* in exclusive use") {
            return "\(thing(parts[0])) has an exclusive consumer: stop that one first"
        }
        if let parts = match("cannot publish to internal *") {
            return "\(thing(parts[0])) is internal: publish to an exchange that is bound to it"
        }
        if has("reserved prefix") { return "\(words): choose another name, those with amq. belong to the broker" }
        if has("default exchange") {
            return "\(words): it cannot be declared, deleted or bound; each queue is bound to it by its name"
        }
        return nil
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

    // MARK: 404 and 405

    private var missing: String? {
        if let parts = match("no binding * between *") {
            return "there is no binding \(parts[0]) between \(parts[1])"
        }
        if has("down or inaccessible") || has("stopped") || has("crashed") {
            return "\(words): it comes back with its node"
        }
        return match("no *").map { "there is no \(thing($0[0])): declare it first, or check the name" }
    }

    private var locked: String? {
        if let parts = match("cannot obtain exclusive access to locked *. It could be*")
            ?? match(
                "cannot obtain exclusive access to locked *")
        {
            return "\(thing(parts[0])) is exclusive to another connection: use another name, or close that one"
        }
        return match("cannot obtain access to locked *. basic.get operations are not*").map {
            "\(thing($0[0])) has a single active consumer, from which messages cannot be got one by one: consume from it"
        }
    }

    // MARK: 530

    private var notAllowed: String? {
        if let parts = match("vhost * not found") {
            let name = parts[0].filter { $0 != "'" }
            return "there is no virtual host \"\(name)\": create it with rabbitmqctl add_vhost, or check the name"
        }
        if let parts = match("access to vhost '*' refused for user '*': connection limit (*) is reached*") {
            return "virtual host \"\(parts[0])\" has all the \(parts[2]) connections that it may have: close some, or "
                + "raise the limit with rabbitmqctl set_vhost_limits"
        }
        if let parts = match("*onnection refused for user '*': user connection limit (*) is reached*") {
            return
                "user \"\(parts[1])\" has all the \(parts[2]) connections that it may have: close some, or raise the "
                + "limit with rabbitmqctl set_user_limits"
        }
        if let parts = match("number of channels opened for user '*' has reached the maximum allowed user limit of (*)")
        {
            return "user \"\(parts[0])\" has all the \(parts[1]) channels that it may have: close some, or raise the "
                + "limit with rabbitmqctl set_user_limits"
        }
        if let parts = match("access to vhost '*' refused for user '*': *") {
            return "user \"\(parts[1])\" cannot use virtual host \"\(parts[0])\" now: \(parts[2]): try again later"
        }
        return match("access to vhost '*' refused for user '*'").map {
            "user \"\($0[1])\" may not use virtual host \"\($0[0])\": grant it with rabbitmqctl set_permissions"
        }
    }
}
