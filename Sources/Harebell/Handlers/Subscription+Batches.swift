extension Subscription {
    /// A subscription whose handler is a closure that gets several events at a time.
    ///
    /// ```swift
    /// Subscription(toBatchesOf: LoanPaidOut.self, upTo: 100, within: .milliseconds(500)) { batch in
    ///     try await ledger.insert(batch.events)
    /// }
    /// ```
    /// - Parameters:
    ///   - type: the event to subscribe to.
    ///   - size: how many events a batch has at most; no more than the worker's prefetch and concurrency.
    ///   - wait: how long the first event of a batch waits for others; above 0 and at most a minute.
    ///   - name: the handler's name; the event's type unless given.
    ///   - retry: the policy for failures; the worker's unless given.
    ///   - timeout: how long one call may take, for the whole batch; the worker's unless given. At most 10 minutes.
    ///   - failures: what errors mean that do not say so themselves, or need a policy of their own.
    ///   - body: does the work; see ``BatchHandler`` for what its end means.
    public init<E: Event>(
        toBatchesOf type: E.Type, upTo size: Int, within wait: Duration, name: String? = nil,
        retry: RetryPolicy? = nil, timeout: Duration? = nil, failures: [FailureRule] = [],
        _ body: @escaping @Sendable (EventBatch<E>) async throws -> Void
    ) {
        self.init(
            batches: BatchWork(type, size: size, wait: wait, body), eventType: E.eventType,
            name: name ?? E.eventType.rawValue, retry: retry, timeout: timeout, failures: failures)
    }

    /// A subscription for a handler value that gets several events at a time.
    /// - Parameters:
    ///   - handler: does the work.
    ///   - size: how many events a batch has at most; no more than the worker's prefetch and concurrency.
    ///   - wait: how long the first event of a batch waits for others; above 0 and at most a minute.
    ///   - name: the handler's name; its type's name unless given.
    ///   - retry: the policy for failures; the worker's unless given.
    ///   - timeout: how long one call may take, for the whole batch; the worker's unless given. At most 10 minutes.
    ///   - failures: what errors mean that do not say so themselves, or need a policy of their own.
    public init<H: BatchHandler>(
        _ handler: H, upTo size: Int, within wait: Duration, name: String? = nil, retry: RetryPolicy? = nil,
        timeout: Duration? = nil, failures: [FailureRule] = []
    ) {
        self.init(
            toBatchesOf: H.Message.self, upTo: size, within: wait, name: name ?? String(describing: H.self),
            retry: retry, timeout: timeout, failures: failures
        ) { try await handler.handle($0) }
    }
}
