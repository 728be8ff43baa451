import Tracing

extension Transport {
    /// Publishes an event in a span of its own that continues the event's trace, and which the event carries on to its
    /// subscribers; without an instrument it just publishes.
    public func publishInSpan(_ envelope: Envelope) async throws {
        guard TraceContext.isInstrumented else { return try await publish(envelope) }
        try await withSpan(
            "publish \(envelope.type)", context: envelope.trace.serviceContext(), ofKind: .producer
        ) { span in
            span.updateAttributes { attributes in
                attributes["messaging.system"] = "rabbitmq"
                attributes["messaging.operation.type"] = "send"
                attributes["messaging.operation.name"] = "publish"
                attributes["messaging.destination.name"] = envelope.type.rawValue
                attributes["messaging.message.id"] = envelope.id.rawValue
                attributes["messaging.message.conversation_id"] = envelope.correlationID
                attributes["messaging.message.body.size"] = envelope.body.count
                attributes["harebell.event.type"] = envelope.type.rawValue
            }
            var envelope = envelope
            envelope.trace = TraceContext.current(orElse: envelope.trace)
            try await publish(envelope)
        }
    }
}
