/// How a subscription collects events and handles them together; the event's type is erased at registration.
struct BatchWork: Sendable {
    /// One event on its way into a call.
    struct Item: Sendable {
        let event: any Event
        let context: HandlerContext
        let settlement: ItemSettlement
    }

    /// How many events a batch has at most.
    let size: Int
    /// How long the first of them waits for others.
    let wait: Duration
    let decode: @Sendable (Envelope) throws -> any Event
    let call: @Sendable ([Item]) async throws -> Void

    init<E: Event>(
        _ type: E.Type, size: Int, wait: Duration, _ body: @escaping @Sendable (EventBatch<E>) async throws -> Void
    ) {
        self.size = size
        self.wait = wait
        self.decode = { try $0.decode(E.self) }
        self.call = { items in
            let items = try items.map { item in
                guard let event = item.event as? E else {
                    throw HarebellError(.decodingFailed, "\(Swift.type(of: item.event)) is in a batch of \(E.self)")
                }
                return EventBatch<E>.Item(event: event, context: item.context, settlement: item.settlement)
            }
            try await body(EventBatch(items: items))
        }
    }

    /// Handles an event in a batch of its own, and throws what has become of it.
    func call(alone event: any Event, _ context: HandlerContext) async throws {
        let settlement = ItemSettlement()
        let result: Result<Void, any Error>
        do {
            try await call([Item(event: event, context: context, settlement: settlement)])
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try (settlement.close() ?? result).get()
    }
}
