import CRabbitMQ

extension InboundMethod {
    /// Decodes the payload of a method frame.
    ///
    /// Tables are checked before the library sees them; everything is copied before `pool` is recycled.
    init(payload: UnsafeRawBufferPointer, pool: borrowing DecodingPool, names: inout NameCache) throws(AMQPError) {
        guard payload.count >= 4 else {
            throw AMQPError(.protocolViolation, "the broker sent a method without its number", replyCode: 501)
        }
        let number = UInt32(bigEndian: payload.loadUnaligned(as: UInt32.self))
        // The library would decode the tables of a client's methods too, unchecked.
        guard !Self.isClientMethod(number) else {
            throw AMQPError(
                .protocolViolation, "the broker sent \(Self.name(number)), which only clients send", replyCode: 503)
        }
        let arguments = UnsafeRawBufferPointer(rebasing: payload[4...])
        if number == AMQP_CONNECTION_START_METHOD { try Self.checkStart(arguments) }
        var decoded: UnsafeMutableRawPointer?
        let status = amqp_decode_method(number, pool.pointer, amqp_bytes_t(borrowing: arguments), &decoded)
        guard status == 0, let decoded else {
            let name = Self.name(number)
            let isUnknown =
                status == AMQP_STATUS_UNKNOWN_METHOD.rawValue || status == AMQP_STATUS_UNKNOWN_CLASS.rawValue
            throw AMQPError(
                .protocolViolation,
                isUnknown
                    ? "the broker sent the unknown method \(name)" : "the broker sent a \(name) that cannot be decoded",
                replyCode: isUnknown ? 503 : 502)
        }
        guard let method = Self.decode(number, decoded, &names) else {
            throw AMQPError(
                .protocolViolation, "the broker sent \(Self.name(number)), which only clients send", replyCode: 503)
        }
        self = method
    }

    /// The name as the specification writes it, or the numbers of class and method.
    private static func name(_ number: UInt32) -> String {
        guard let constant = amqp_method_name(number).map({ String(cString: $0) }) else {
            return "\(number >> 16).\(number & 0xFFFF)"
        }
        let words = constant.lowercased().split(separator: "_").dropFirst().dropLast()
        return (words.first ?? "") + "." + words.dropFirst().joined(separator: "-")
    }

    /// Whether a method that has a table is one that only clients send.
    private static func isClientMethod(_ number: UInt32) -> Bool {
        switch number {
        case AMQP_CONNECTION_START_OK_METHOD, AMQP_EXCHANGE_DECLARE_METHOD, AMQP_EXCHANGE_BIND_METHOD,
            AMQP_EXCHANGE_UNBIND_METHOD, AMQP_QUEUE_DECLARE_METHOD, AMQP_QUEUE_BIND_METHOD, AMQP_QUEUE_UNBIND_METHOD,
            AMQP_BASIC_CONSUME_METHOD:
            true
        default: false
        }
    }

    private static func checkStart(_ arguments: UnsafeRawBufferPointer) throws(AMQPError) {
        var scanner = WireScanner(arguments)
        do {
            try scanner.skip(2, "connection.start")
            try scanner.table("its table of server properties")
        } catch {
            throw AMQPError(
                .protocolViolation, "the broker sent a connection.start that cannot be decoded: \(error.message)",
                replyCode: 502)
        }
    }

    private static func decode(
        _ number: UInt32, _ decoded: UnsafeMutableRawPointer, _ names: inout NameCache
    ) -> InboundMethod? {
        func read<T>(_: T.Type) -> T { decoded.assumingMemoryBound(to: T.self).pointee }
        switch number {
        case AMQP_BASIC_DELIVER_METHOD:
            let method = read(amqp_basic_deliver_t.self)
            return .basicDeliver(
                DeliveryInfo(
                    route: names.route(
                        method.consumer_tag.buffer, method.exchange.buffer, method.routing_key.buffer),
                    deliveryTag: method.delivery_tag, isRedelivered: method.redelivered != 0))
        case AMQP_BASIC_ACK_METHOD:
            let method = read(amqp_basic_ack_t.self)
            return .basicAck(tag: method.delivery_tag, multiple: method.multiple != 0)
        case AMQP_BASIC_NACK_METHOD:
            let method = read(amqp_basic_nack_t.self)
            return .basicNack(tag: method.delivery_tag, multiple: method.multiple != 0)
        case AMQP_BASIC_RETURN_METHOD:
            let method = read(amqp_basic_return_t.self)
            return .basicReturn(
                ReturnInfo(
                    code: method.reply_code, text: method.reply_text.text,
                    exchange: names.exchange.string(method.exchange.buffer),
                    routingKey: names.routingKey.string(method.routing_key.buffer)))
        case AMQP_BASIC_GET_OK_METHOD:
            let method = read(amqp_basic_get_ok_t.self)
            let route = DeliveryRoute(
                consumerTag: "", exchange: method.exchange.text, routingKey: method.routing_key.text)
            let info = DeliveryInfo(
                route: route, deliveryTag: method.delivery_tag, isRedelivered: method.redelivered != 0)
            return .basicGetOK(info, messageCount: method.message_count)
        case AMQP_BASIC_CANCEL_METHOD: return .basicCancel(tag: read(amqp_basic_cancel_t.self).consumer_tag.text)
        case AMQP_CHANNEL_FLOW_METHOD: return .channelFlow(active: read(amqp_channel_flow_t.self).active != 0)
        case AMQP_CHANNEL_CLOSE_METHOD:
            let method = read(amqp_channel_close_t.self)
            return .channelClose(
                ClosePayload(
                    code: method.reply_code, text: method.reply_text.text, classID: method.class_id,
                    methodID: method.method_id))
        case AMQP_CHANNEL_CLOSE_OK_METHOD: return .channelCloseOK
        default: return decodeConnection(number, decoded) ?? decodeReply(number, decoded)
        }
    }

    private static func decodeConnection(_ number: UInt32, _ decoded: UnsafeMutableRawPointer) -> InboundMethod? {
        func read<T>(_: T.Type) -> T { decoded.assumingMemoryBound(to: T.self).pointee }
        switch number {
        case AMQP_CONNECTION_START_METHOD:
            let method = read(amqp_connection_start_t.self)
            return .connectionStart(
                major: method.version_major, minor: method.version_minor,
                properties: FieldTable(decoded: method.server_properties), mechanisms: method.mechanisms.text)
        case AMQP_CONNECTION_SECURE_METHOD: return .connectionSecure
        case AMQP_CONNECTION_TUNE_METHOD:
            let method = read(amqp_connection_tune_t.self)
            return .connectionTune(
                channelMax: method.channel_max, frameMax: method.frame_max, heartbeat: method.heartbeat)
        case AMQP_CONNECTION_OPEN_OK_METHOD: return .connectionOpenOK
        case AMQP_CONNECTION_CLOSE_METHOD:
            let method = read(amqp_connection_close_t.self)
            return .connectionClose(
                ClosePayload(
                    code: method.reply_code, text: method.reply_text.text, classID: method.class_id,
                    methodID: method.method_id))
        case AMQP_CONNECTION_CLOSE_OK_METHOD: return .connectionCloseOK
        case AMQP_CONNECTION_BLOCKED_METHOD:
            return .connectionBlocked(reason: read(amqp_connection_blocked_t.self).reason.text)
        case AMQP_CONNECTION_UNBLOCKED_METHOD: return .connectionUnblocked
        default: return nil
        }
    }

    private static func decodeReply(_ number: UInt32, _ decoded: UnsafeMutableRawPointer) -> InboundMethod? {
        func read<T>(_: T.Type) -> T { decoded.assumingMemoryBound(to: T.self).pointee }
        switch number {
        case AMQP_CHANNEL_OPEN_OK_METHOD: return .reply(.done, .channelOpenOK)
        case AMQP_EXCHANGE_DECLARE_OK_METHOD: return .reply(.done, .exchangeDeclareOK)
        case AMQP_EXCHANGE_DELETE_OK_METHOD: return .reply(.done, .exchangeDeleteOK)
        case AMQP_EXCHANGE_BIND_OK_METHOD: return .reply(.done, .exchangeBindOK)
        case AMQP_EXCHANGE_UNBIND_OK_METHOD: return .reply(.done, .exchangeUnbindOK)
        case AMQP_QUEUE_DECLARE_OK_METHOD:
            let method = read(amqp_queue_declare_ok_t.self)
            let state = QueueState(
                name: method.queue.text, messageCount: method.message_count, consumerCount: method.consumer_count)
            return .reply(.queue(state), .queueDeclareOK)
        case AMQP_QUEUE_BIND_OK_METHOD: return .reply(.done, .queueBindOK)
        case AMQP_QUEUE_UNBIND_OK_METHOD: return .reply(.done, .queueUnbindOK)
        case AMQP_QUEUE_PURGE_OK_METHOD:
            return .reply(.count(read(amqp_queue_purge_ok_t.self).message_count), .queuePurgeOK)
        case AMQP_QUEUE_DELETE_OK_METHOD:
            return .reply(.count(read(amqp_queue_delete_ok_t.self).message_count), .queueDeleteOK)
        case AMQP_BASIC_QOS_OK_METHOD: return .reply(.done, .basicQosOK)
        case AMQP_BASIC_CONSUME_OK_METHOD:
            return .reply(.tag(read(amqp_basic_consume_ok_t.self).consumer_tag.text), .basicConsumeOK)
        case AMQP_BASIC_CANCEL_OK_METHOD:
            return .reply(.tag(read(amqp_basic_cancel_ok_t.self).consumer_tag.text), .basicCancelOK)
        case AMQP_BASIC_GET_EMPTY_METHOD: return .reply(.message(nil), .basicGet)
        case AMQP_CONFIRM_SELECT_OK_METHOD: return .reply(.done, .confirmSelectOK)
        default: return nil
        }
    }
}
