import Tracing

extension Shift {
    /// Runs a handler inside a span that continues the event's trace; without an instrument it just runs.
    func traced(_ envelope: Envelope, attempt: Int, _ body: () async throws -> Void) async throws {
        guard isTraced else { return try await body() }
        try await withSpan(
            "process \(service.rawValue)", context: envelope.trace.serviceContext(), ofKind: .consumer
        ) { span in
            span.attributes["messaging.system"] = "rabbitmq"
            span.attributes["messaging.operation.type"] = "process"
            span.attributes["messaging.destination.name"] = service.rawValue
            span.attributes["messaging.message.id"] = envelope.id.rawValue
            span.attributes["messaging.message.conversation_id"] = envelope.correlationID
            span.attributes["harebell.event.type"] = envelope.type.rawValue
            span.attributes["harebell.attempt"] = attempt
            try await body()
        }
    }

    static var isInstrumented: Bool { !(InstrumentationSystem.instrument is NoOpInstrument) }
}
