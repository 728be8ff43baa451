import CRabbitMQ

extension OutboundMethod {
    /// What encoding the method takes at most: bytes of arguments, and of scratch memory.
    func measure() throws(AMQPError) -> (encoded: Int, scratch: Int) {
        var strings = ShortStringMeasure()
        // The one that is sent per message needs no list.
        if case .basicPublish(let exchange, let routingKey, _) = self {
            try strings.add("the exchange", exchange)
            try strings.add("the routing key", routingKey)
            return (48 + strings.encoded, strings.scratch)
        }
        for (name, value) in shortStrings { try strings.add("the \(name)", value) }
        var encoded = 48 + strings.encoded
        var scratch = strings.scratch
        if case .connectionStartOK(_, _, let response) = self {
            encoded += response.count
            scratch += response.count + 8
        }
        if let table, !table.isEmpty {
            let measure = try TableMeasure(table)
            encoded += measure.encoded
            scratch += measure.scratch
        }
        return (encoded, scratch)
    }

    /// Encodes the arguments into `target`; `nil` if they do not fit.
    ///
    /// Returns the method's number and the byte count.
    func encode(
        into target: UnsafeMutableRawBufferPointer, scratch: inout Scratch
    ) -> (number: UInt32, count: Int)? {
        func encode<T>(_ number: amqp_method_number_t, _ arguments: T) -> (UInt32, Int)? {
            var arguments = arguments
            let room = amqp_bytes_t(len: target.count, bytes: target.baseAddress)
            let count = withUnsafeMutablePointer(to: &arguments) { amqp_encode_method(number, $0, room) }
            return count < 0 ? nil : (number, Int(count))
        }
        switch self {
        case .connectionStartOK(let properties, let mechanism, let response):
            return encode(
                AMQP_CONNECTION_START_OK_METHOD,
                amqp_connection_start_ok_t(
                    client_properties: scratch.table(properties), mechanism: scratch.bytes(mechanism),
                    response: scratch.bytes(response), locale: scratch.bytes("en_US")))
        case .connectionTuneOK(let channelMax, let frameMax, let heartbeat):
            return encode(
                AMQP_CONNECTION_TUNE_OK_METHOD,
                amqp_connection_tune_ok_t(channel_max: channelMax, frame_max: frameMax, heartbeat: heartbeat))
        case .connectionOpen(let virtualHost):
            var arguments = amqp_connection_open_t()
            arguments.virtual_host = scratch.bytes(virtualHost)
            return encode(AMQP_CONNECTION_OPEN_METHOD, arguments)
        case .connectionClose(let payload):
            return encode(
                AMQP_CONNECTION_CLOSE_METHOD,
                amqp_connection_close_t(
                    reply_code: payload.code, reply_text: scratch.bytes(payload.text), class_id: payload.classID,
                    method_id: payload.methodID))
        case .connectionCloseOK: return encode(AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t())
        case .channelOpen: return encode(AMQP_CHANNEL_OPEN_METHOD, amqp_channel_open_t())
        case .channelFlowOK(let active):
            return encode(AMQP_CHANNEL_FLOW_OK_METHOD, amqp_channel_flow_ok_t(active: active.amqp))
        case .channelClose(let payload):
            return encode(
                AMQP_CHANNEL_CLOSE_METHOD,
                amqp_channel_close_t(
                    reply_code: payload.code, reply_text: scratch.bytes(payload.text), class_id: payload.classID,
                    method_id: payload.methodID))
        case .channelCloseOK: return encode(AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t())
        case .exchangeDeclare(let declaration):
            var arguments = amqp_exchange_declare_t()
            arguments.exchange = scratch.bytes(declaration.name)
            arguments.type = scratch.bytes(declaration.type)
            arguments.durable = declaration.durable.amqp
            arguments.auto_delete = declaration.autoDelete.amqp
            arguments.internal = declaration.internal.amqp
            arguments.arguments = scratch.table(declaration.arguments)
            return encode(AMQP_EXCHANGE_DECLARE_METHOD, arguments)
        case .exchangeDelete(let name, let ifUnused):
            var arguments = amqp_exchange_delete_t()
            arguments.exchange = scratch.bytes(name)
            arguments.if_unused = ifUnused.amqp
            return encode(AMQP_EXCHANGE_DELETE_METHOD, arguments)
        case .exchangeBind(let binding):
            var arguments = amqp_exchange_bind_t()
            arguments.destination = scratch.bytes(binding.destination)
            arguments.source = scratch.bytes(binding.source)
            arguments.routing_key = scratch.bytes(binding.routingKey)
            arguments.arguments = scratch.table(binding.arguments)
            return encode(AMQP_EXCHANGE_BIND_METHOD, arguments)
        case .exchangeUnbind(let binding):
            var arguments = amqp_exchange_unbind_t()
            arguments.destination = scratch.bytes(binding.destination)
            arguments.source = scratch.bytes(binding.source)
            arguments.routing_key = scratch.bytes(binding.routingKey)
            arguments.arguments = scratch.table(binding.arguments)
            return encode(AMQP_EXCHANGE_UNBIND_METHOD, arguments)
        case .queueDeclare(let declaration):
            var arguments = amqp_queue_declare_t()
            arguments.queue = scratch.bytes(declaration.name)
            arguments.passive = declaration.passive.amqp
            arguments.durable = declaration.durable.amqp
            arguments.exclusive = declaration.exclusive.amqp
            arguments.auto_delete = declaration.autoDelete.amqp
            arguments.arguments = scratch.table(declaration.arguments)
            return encode(AMQP_QUEUE_DECLARE_METHOD, arguments)
        case .queueBind(let binding):
            var arguments = amqp_queue_bind_t()
            arguments.queue = scratch.bytes(binding.destination)
            arguments.exchange = scratch.bytes(binding.source)
            arguments.routing_key = scratch.bytes(binding.routingKey)
            arguments.arguments = scratch.table(binding.arguments)
            return encode(AMQP_QUEUE_BIND_METHOD, arguments)
        case .queueUnbind(let binding):
            var arguments = amqp_queue_unbind_t()
            arguments.queue = scratch.bytes(binding.destination)
            arguments.exchange = scratch.bytes(binding.source)
            arguments.routing_key = scratch.bytes(binding.routingKey)
            arguments.arguments = scratch.table(binding.arguments)
            return encode(AMQP_QUEUE_UNBIND_METHOD, arguments)
        case .queuePurge(let name):
            var arguments = amqp_queue_purge_t()
            arguments.queue = scratch.bytes(name)
            return encode(AMQP_QUEUE_PURGE_METHOD, arguments)
        case .queueDelete(let name, let ifUnused, let ifEmpty):
            var arguments = amqp_queue_delete_t()
            arguments.queue = scratch.bytes(name)
            arguments.if_unused = ifUnused.amqp
            arguments.if_empty = ifEmpty.amqp
            return encode(AMQP_QUEUE_DELETE_METHOD, arguments)
        case .basicQos(let prefetch):
            var arguments = amqp_basic_qos_t()
            arguments.prefetch_count = prefetch
            return encode(AMQP_BASIC_QOS_METHOD, arguments)
        case .basicConsume(let queue, let tag, let exclusive, let table):
            var arguments = amqp_basic_consume_t()
            arguments.queue = scratch.bytes(queue)
            arguments.consumer_tag = scratch.bytes(tag)
            arguments.exclusive = exclusive.amqp
            arguments.arguments = scratch.table(table)
            return encode(AMQP_BASIC_CONSUME_METHOD, arguments)
        case .basicCancel(let tag):
            var arguments = amqp_basic_cancel_t()
            arguments.consumer_tag = scratch.bytes(tag)
            return encode(AMQP_BASIC_CANCEL_METHOD, arguments)
        case .basicPublish(let exchange, let routingKey, let mandatory):
            var arguments = amqp_basic_publish_t()
            arguments.exchange = scratch.bytes(exchange)
            arguments.routing_key = scratch.bytes(routingKey)
            arguments.mandatory = mandatory.amqp
            return encode(AMQP_BASIC_PUBLISH_METHOD, arguments)
        case .basicGet(let queue):
            var arguments = amqp_basic_get_t()
            arguments.queue = scratch.bytes(queue)
            return encode(AMQP_BASIC_GET_METHOD, arguments)
        case .basicAck(let tag, let multiple):
            return encode(AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t(delivery_tag: tag, multiple: multiple.amqp))
        case .basicNack(let tag, let requeue):
            return encode(
                AMQP_BASIC_NACK_METHOD, amqp_basic_nack_t(delivery_tag: tag, multiple: 0, requeue: requeue.amqp))
        case .basicReject(let tag, let requeue):
            return encode(AMQP_BASIC_REJECT_METHOD, amqp_basic_reject_t(delivery_tag: tag, requeue: requeue.amqp))
        case .confirmSelect: return encode(AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t())
        }
    }
}

extension Bool {
    fileprivate var amqp: amqp_boolean_t { self ? 1 : 0 }
}
