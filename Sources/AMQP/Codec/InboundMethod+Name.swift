extension InboundMethod {
    /// The method's name as the specification writes it.
    var name: String {
        switch self {
        case .connectionStart: "connection.start"
        case .connectionSecure: "connection.secure"
        case .connectionTune: "connection.tune"
        case .connectionOpenOK: "connection.open-ok"
        case .connectionClose: "connection.close"
        case .connectionCloseOK: "connection.close-ok"
        case .connectionBlocked: "connection.blocked"
        case .connectionUnblocked: "connection.unblocked"
        case .channelFlow: "channel.flow"
        case .channelClose: "channel.close"
        case .channelCloseOK: "channel.close-ok"
        case .basicDeliver: "basic.deliver"
        case .basicGetOK: "basic.get-ok"
        case .basicReturn: "basic.return"
        case .basicAck: "basic.ack"
        case .basicNack: "basic.nack"
        case .basicCancel: "basic.cancel"
        case .reply(_, let kind): kind.rawValue
        }
    }
}
