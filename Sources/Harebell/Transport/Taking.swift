/// How an endpoint takes messages from its queue.
public enum Taking: Sendable, Hashable {
    /// As they come, with at most so many unsettled at a time.
    case many(prefetch: Int)
    /// The next one, as soon as there is one, and then none.
    case one
    /// None.
    case nothing
}
