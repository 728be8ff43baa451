/// What can be wrong with a transport.
enum Defect: String, CaseIterable, Sendable {
    case dropsAcknowledgements = "drops acknowledgements"
    case settlesTwice = "settles twice"
    case acknowledgesWhatIsHandedBack = "acknowledges what is handed back"
    case countsHandingBack = "counts handing back as an attempt"
    case requeuesAtTheEnd = "puts what is handed back at the end of the queue"
    case losesAttempts = "loses the attempts of a retry"
    case losesUnhandledCount = "loses the unhandled count of a retry"
    case losesFirstFailure = "loses when it failed first"
    case retriesEarly = "retries a little early"
    case retriesAtOnce = "retries at once"
    case neverRetries = "loses retries"
    case retriesForEverybody = "retries through the event's exchange"
    case newIDs = "gives retries new ids"
    case acknowledgesBeforeStoring = "acknowledges before the copy is stored"
    case wrongReason = "dead-letters without the reason"
    case losesErrors = "dead-letters without the error"
    case dropsDeadLetters = "drops dead letters"
    case losesEvents = "confirms events that it has not stored"
    case publishesTwice = "publishes twice"
    case forgetsOrder = "publishes in another order"
    case losesCorrelation = "loses correlation ids"
    case encodesAgain = "encodes bodies again"
    case exceedsPrefetch = "takes more than the prefetch"
    case subscribesToAll = "subscribes to everything"
    case settlesStaleDeliveries = "settles deliveries of lost connections"
    case forgetsAtClose = "acknowledges at the close what is unsettled"
    case neverEnds = "does not end its deliveries"
    case takesAfterStop = "takes messages after stop"

    /// A scenario that must find it.
    var witness: String {
        switch self {
        case .dropsAcknowledgements: "an acknowledged message is gone"
        case .settlesTwice: "an acknowledged message is gone"
        case .acknowledgesWhatIsHandedBack: "a message handed back comes again, and that is no attempt"
        case .countsHandingBack: "a message handed back comes again, and that is no attempt"
        case .requeuesAtTheEnd: "messages handed back at the end keep the queue's order"
        case .losesAttempts, .losesUnhandledCount, .losesFirstFailure: "a retry carries what was counted so far"
        case .retriesEarly, .retriesAtOnce, .neverRetries:
            "a retry comes back when its delay is over, and never before"
        case .retriesForEverybody: "a retry goes to the service that failed and to no other"
        case .newIDs: "a retry is the same event"
        case .acknowledgesBeforeStoring: "a retry that cannot be stored keeps its message, until it can"
        case .wrongReason, .losesErrors, .dropsDeadLetters: "a dead letter says why, and keeps the event's bytes"
        case .losesEvents, .publishesTwice: "an event reaches its subscriber once, as it was"
        case .forgetsOrder: "events arrive in the order in which they were published"
        case .losesCorrelation: "everything that describes an event travels with it"
        case .encodesAgain: "a body's bytes are never touched"
        case .exceedsPrefetch: "no more is in a consumer's hands than the prefetch"
        case .subscribesToAll: "a service gets what it subscribes to and nothing else"
        case .settlesStaleDeliveries: "a delivery of a lost connection settles nothing, and comes again"
        case .forgetsAtClose: "what is not settled stays with its consumer, and comes back when that is gone"
        case .neverEnds, .takesAfterStop:
            "after stop nothing new is taken, the deliveries end, and what was taken can be settled"
        }
    }
}
