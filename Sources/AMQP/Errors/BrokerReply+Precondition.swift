/// The many things that 406 means.
extension BrokerReply {
    /// What is wrong with a declaration or deletion.
    var declaration: String? {
        if let parts = match("inequivalent arg '*' for *: received *") {
            return "\(thing(parts[1])) exists with another \(parts[0]): received \(parts[2]): declare it as it is, or "
                + "delete it first"
        }
        if let parts = match("invalid arg '*' for * of queue type *") {
            return "\(thing(parts[1])) cannot have the argument \(parts[0]), which \(Self.plain(parts[2])) does not "
                + "know: leave it out, or choose another queue type"
        }
        if let parts = match("invalid arg '*' for *: *") {
            return "\(thing(parts[1])) cannot have this value of the argument \(parts[0]): \(Self.plain(parts[2])): "
                + "correct it"
        }
        if let parts = match("invalid property '*' for *") {
            return "\(thing(parts[1])) cannot be \(parts[0]): its type does not support that"
        }
        if let parts = match("cannot declare queue '*': queue limit in vhost '*' (*) is reached") {
            return "queue \"\(parts[0])\" would be one more than the \(parts[2]) that virtual host \"\(parts[1])\" may "
                + "have: delete some, or raise the limit with rabbitmqctl set_vhost_limits"
        }
        if let parts = match("* exchange type '*'") {
            return "\(parts[0]) exchange type \"\(parts[1])\": check its name, or enable the plug-in that it comes with"
        }
        if let parts = match("* in use") { return "\(thing(parts[0])) is in use: it was to be deleted only if unused" }
        if let parts = match("* not empty") {
            return "\(thing(parts[0])) is not empty: it was to be deleted only if empty"
        }
        return nil
    }

    /// What is wrong with a message, a settlement or a consumer.
    var precondition: String? {
        if has("unknown delivery tag") {
            return "\(words): a delivery is settled once, and on the channel that it came on"
        }
        if has("timed out") {
            return "\(words): settle deliveries sooner, or raise the broker's consumer_timeout"
        }
        if let parts = match("user_id property set to '*' but authenticated user was '*'") {
            return "the message says that user \"\(parts[0])\" published it, but it is user \"\(parts[1])\": leave the "
                + "user id out, or log in as that user"
        }
        if let parts = match("invalid expiration '*': *") {
            return "the message's expiration \"\(parts[0])\" is no number of milliseconds: \(Self.plain(parts[1]))"
        }
        if let parts = match("message size * is larger than *max size *") {
            return "the message has \(parts[0]) bytes, more than the \(parts[2]) that the broker takes: send less, or "
                + "raise the broker's max_message_size"
        }
        return nil
    }
}
