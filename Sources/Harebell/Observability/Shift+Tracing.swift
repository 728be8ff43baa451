import Tracing

extension Shift {
    /// Runs one call of a handler inside a span, whose trace it hands out; without an instrument it just runs.
    ///
    /// The first call for an event continues the event's trace. A repetition, whether a retry or a replay, may come hours
    /// later and a hundred times: it is a trace of its own, linked to the event's.
    func traced(
        _ envelope: Envelope, handler: String, attempt: Int, isRepetition: Bool, replayCount: Int, trace: TraceOfCall?,
        _ body: () async throws -> Void
    ) async throws {
        guard isTraced else { return try await body() }
        let origin = envelope.trace.serviceContext()
        let destination = "\(envelope.type):\(service)"
        try await withSpan(
            "process \(destination)", context: isRepetition ? .topLevel : origin, ofKind: .consumer
        ) { span in
            if isRepetition { span.addLink(SpanLink(context: origin, attributes: [:])) }
            trace?.set(TraceContext(span.context))
            span.updateAttributes { attributes in
                attributes["messaging.system"] = "rabbitmq"
                attributes["messaging.operation.type"] = "process"
                attributes["messaging.operation.name"] = "process"
                attributes["messaging.destination.name"] = destination
                attributes["messaging.message.id"] = envelope.id.rawValue
                attributes["messaging.message.conversation_id"] = envelope.correlationID
                attributes["messaging.message.body.size"] = envelope.body.count
                attributes["harebell.event.type"] = envelope.type.rawValue
                attributes["harebell.service"] = service.rawValue
                attributes["harebell.handler"] = handler
                attributes["harebell.attempt"] = attempt
                if replayCount > 0 { attributes["harebell.replay.count"] = replayCount }
            }
            try await body()
        }
    }

    /// Runs one call of a handler for a batch inside a span, whose trace it hands out to each; without an instrument it just
    /// runs.
    ///
    /// The events come from traces of their own, so the span is part of none of them and is linked to all.
    func tracedBatch(
        of type: EventType, _ envelopes: [Envelope], handler: String, traces: [TraceOfCall?],
        _ body: () async throws -> Void
    ) async throws {
        guard isTraced else { return try await body() }
        let destination = "\(type):\(service)"
        try await withSpan("process \(destination)", context: .topLevel, ofKind: .consumer) { span in
            for envelope in envelopes {
                var attributes = SpanAttributes()
                attributes["messaging.message.id"] = envelope.id.rawValue
                attributes["messaging.message.conversation_id"] = envelope.correlationID
                span.addLink(SpanLink(context: envelope.trace.serviceContext(), attributes: attributes))
            }
            for trace in traces { trace?.set(TraceContext(span.context)) }
            span.updateAttributes { attributes in
                attributes["messaging.system"] = "rabbitmq"
                attributes["messaging.operation.type"] = "process"
                attributes["messaging.operation.name"] = "process"
                attributes["messaging.destination.name"] = destination
                attributes["messaging.batch.message_count"] = envelopes.count
                attributes["harebell.event.type"] = type.rawValue
                attributes["harebell.service"] = service.rawValue
                attributes["harebell.handler"] = handler
            }
            try await body()
        }
    }

    static var isInstrumented: Bool { TraceContext.isInstrumented }
}
