/// What a service that works can be told through its status port.
public enum ServiceCommand: Sendable, Hashable {
    /// Take nothing, and hand back what has not begun, until it is resumed.
    case pause
    /// Take messages again.
    case resume
    /// Take nothing, but finish what is in hand.
    case drain
    /// Have so many messages in hand at a time, 1 to 65535.
    case prefetch(Int)

    var method: String { if case .prefetch = self { "PUT" } else { "POST" } }

    var verb: String {
        switch self {
        case .pause: "pause"
        case .resume: "resume"
        case .drain: "drain"
        case .prefetch: "prefetch"
        }
    }

    var body: [UInt8] { if case .prefetch(let number) = self { Array("\(number)".utf8) } else { [] } }
}
