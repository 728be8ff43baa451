import NIOCore
import Testing

@testable import AMQP

/// Words of brokers that no test can make them say, or of other versions than the one at hand.
@Suite struct `Broker replies` {
    @Test(arguments: 0...8) func `a text is cut between two letters`(limit: Int) {
        let cut = BrokerReply.printable("a\u{301}é\u{1F600}z", bytes: limit)
        let whole = ["", "a", "a", "a\u{301}", "a\u{301}", "a\u{301}é", "a\u{301}é", "a\u{301}é", "a\u{301}é"]
        #expect(Array(cut.unicodeScalars) == Array(whole[limit].unicodeScalars))
    }

    static let scripted: [(UInt16, String, String)] = [
        (311, "CONTENT_TOO_LARGE", "it gave no reason: the message is larger than the broker takes"),
        (402, "INVALID_PATH - no access", "no access: check the name of the virtual host"),
        (
            403, "ACCESS_REFUSED - write access to exchange 'e' in vhost 'v' refused for user 'u'",
            "user \"u\" may not write to exchange \"e\" in virtual host \"v\": grant it with rabbitmqctl set_permissions"
        ),
        (
            403, "ACCESS_REFUSED - read access to topic 'k' in exchange 'e' in vhost 'v' refused for user 'u'",
            "user \"u\" may not read from routing key \"k\" of exchange \"e\" in virtual host \"v\": grant it with "
                + "rabbitmqctl set_topic_permissions"
        ),
        (
            403,
            "ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL. For details see the broker "
                + "logfile.", "the login was refused: the name in our certificate must be a user of the broker"
        ),
        (
            403, "ACCESS_REFUSED - of something new",
            "of something new: the user lacks a permission; the broker's log tells which"
        ),
        (
            404, "NOT_FOUND - home node 'rabbit@a' of durable queue 'q' in vhost '/' is down or inaccessible",
            "home node 'rabbit@a' of durable queue 'q' in vhost '/' is down or inaccessible: it comes back with its node"
        ),
        (
            404, "NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor",
            "queue 'q' in vhost '/' process is stopped by supervisor: it comes back with its node"
        ),
        (
            404, "NOT_FOUND - no binding k between exchange 'e' in vhost '/' and queue 'q' in vhost '/'",
            "there is no binding k between exchange 'e' in vhost '/' and queue 'q' in vhost '/'"
        ),
        (
            404, "NOT_FOUND - no previously declared queue",
            "there is no previously declared queue: declare it first, or check the name"
        ),
        (
            405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'",
            "queue \"q\" in virtual host \"/\" is exclusive to another connection: use another name, or close that one"
        ),
        (
            405,
            "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not "
                + "supported by quorum queues with single active consumer",
            "queue \"q\" in virtual host \"/\" has a single active consumer, from which messages cannot be got one by "
                + "one: consume from it"
        ),
        (
            406,
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost 'v': received none but current is "
                + "the value 'quorum' of type 'longstr'",
            "queue \"q\" in virtual host \"v\" exists with another x-queue-type: received none but current is the value "
                + "'quorum' of type 'longstr': declare it as it is, or delete it first"
        ),
        (
            406,
            "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.",
            "delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.: settle deliveries sooner, "
                + "or raise the broker's consumer_timeout"
        ),
        (
            406, "PRECONDITION_FAILED - message size 200 is larger than configured max size 100",
            "the message has 200 bytes, more than the 100 that the broker takes: send less, or raise the broker's "
                + "max_message_size"
        ),
        (
            406, "PRECONDITION_FAILED - cannot declare queue 'q': queue limit in vhost 'v' (5) is reached",
            "queue \"q\" would be one more than the 5 that virtual host \"v\" may have: delete some, or raise the limit "
                + "with rabbitmqctl set_vhost_limits"
        ),
        (
            406, "PRECONDITION_FAILED - invalid exchange type 'x-delayed-message'",
            "invalid exchange type \"x-delayed-message\": check its name, or enable the plug-in that it comes with"
        ),
        (
            406, "PRECONDITION_FAILED - something new",
            "something new: what was asked does not fit what the broker has"
        ),
        (
            502, "SYNTAX_ERROR - bad",
            "the broker did not accept what this program sent: bad: this is a defect, please "
                + "report it"
        ),
        (
            506, "RESOURCE_ERROR - out of file handles",
            "the broker lacks resources: out of file handles: try again later"
        ),
        (
            530, "NOT_ALLOWED - access to vhost 'v' refused for user 'u': vhost 'v' is down",
            "user \"u\" cannot use virtual host \"v\" now: vhost 'v' is down: try again later"
        ),
        (
            530,
            "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user limit of (7)",
            "user \"u\" has all the 7 channels that it may have: close some, or raise the limit with rabbitmqctl "
                + "set_user_limits"
        ),
        (
            530, "NOT_ALLOWED - attempt to reuse consumer tag 't'",
            "attempt to reuse consumer tag 't': the broker does not allow it"
        ),
        (541, "INTERNAL_ERROR", "the broker failed: it gave no reason: its log tells why"),
    ]

    @Test(arguments: scripted) func `a reply becomes a sentence`(code: UInt16, text: String, sentence: String) {
        var test = MachineUnderTest.open()
        let ended = Recorder<AMQPError?>()
        test.perform { $0.waitUntilClosed(1, ended.waiter, isCancelled: false) }
        test.receive(BrokerBytes.close(code, text))
        let error = ended.values.first ?? nil
        #expect(error?.description == "\(code) \(BrokerReply.name(of: code)): \(sentence)")
    }

    @Test func `a reply cannot forge a line of a log, nor turn its text around`() {
        let error = AMQPError(
            .channelClosed,
            closedWith: ClosePayload(code: 404, text: "NOT_FOUND - a\r\nb\u{2028}c\u{202E}d\u{0}e\u{7F}f"))
        #expect(error.message == "NOT_FOUND - a?b?c?d?e?f" || error.message == "NOT_FOUND - a??b?c?d?e?f")
    }

    @Test func `what the broker did wrong is not told as ours, neither at once nor to later calls`() {
        var test = MachineUnderTest.open()
        test.receive([7, 0, 0])
        let told = Recorder<Result<Reply, AMQPError>>()
        test.perform {
            _ = $0.openChannel(confirms: false, id: 1, told.waiter, deadline: .distantFuture, isCancelled: false)
        }
        let error = told.values.first?.failure
        #expect(error?.code == .connectionClosed)
        #expect(error?.description == "501 FRAME_ERROR: the broker sent a frame of unknown kind 7")
    }

    @Test func `a return without a consumer`() {
        let info = ReturnInfo(code: 313, text: "NO_CONSUMERS", exchange: "e", routingKey: "k")
        let error = AMQPError(.returned, info.explanation, replyCode: info.code)
        #expect(
            error.description
                == "313 NO_CONSUMERS: no consumer is ready for messages of exchange \"e\" with routing key \"k\": start one"
        )
    }

    @Test(arguments: ["", " - ", "NAME - ", "access to queue '", "inequivalent arg '' for : received ", "no ", "'''''"])
    func `odd words make a sentence all the same`(text: String) {
        for code in [311, 312, 313, 320, 402, 403, 404, 405, 406, 501, 503, 506, 530, 540, 541, 999] as [UInt16] {
            let description = BrokerReply(code: code, text: text, method: 0).description
            #expect(description.hasPrefix("\(code) "))
        }
    }
}
