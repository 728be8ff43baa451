import Hummingbird
import Logging

/// What a request carries along.
struct PayoutContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Given by the client, or made: the same in the answer, the log and the event.
    var correlationID = ""

    init(source: Source) {
        coreContext = .init(source: source)
    }
}
