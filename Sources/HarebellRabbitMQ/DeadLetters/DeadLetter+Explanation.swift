extension DeadLetter {
    /// What the reason means, in words for an operator.
    public var explanation: String {
        switch reason.rawValue {
        case "exhausted": "it failed \(attempts) times, and its retry policy allows no more"
        case "permanent": "its handler said that trying again cannot help"
        case "poison": "it cannot be read; no handler was called"
        case "unhandled": "no handler of this service takes its type"
        case "expired": "it waited too long"
        case "crash": "its consumer died again and again while it had this message"
        case "unrouted": "no service subscribed to its type when it was published"
        default: "the broker moved it"
        }
    }
}
