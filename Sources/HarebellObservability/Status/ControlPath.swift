/// What a path below `/control/` is about: the services of the process, all of them or one.
///
/// ```
/// GET  /control/services                   who is here, and how
/// POST /control/pause                      all services of the process
/// POST /control/services/email/pause       one of them
/// ```
struct ControlPath: Sendable, Hashable {
    enum Verb: Sendable, Hashable {
        case list
        case command(Command)
    }

    /// A command's name in the path.
    enum Command: String, Sendable {
        case pause, resume, drain, prefetch

        /// The prefetch is set, all else is done.
        var method: String { self == .prefetch ? "PUT" : "POST" }

        /// The command with what the body says; nil when the body is not what it takes.
        func command(body: [UInt8]) -> StatusRoutes.Command? {
            switch self {
            case .pause: return .pause
            case .resume: return .resume
            case .drain: return .drain
            case .prefetch:
                let text = String(decoding: body, as: UTF8.self)
                return Int(text.filter { !$0.isWhitespace }).flatMap { (1...65_535).contains($0) ? .prefetch($0) : nil }
            }
        }
    }

    let verb: Verb
    /// The one service that is meant; nil for all of the process.
    let service: String?

    /// Nil for a path that is none of these.
    init?(_ path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard parts.first == "control" else { return nil }
        switch parts.count {
        case 2 where parts[1] == "services":
            (verb, service) = (.list, nil)
        case 2:
            guard let command = Command(rawValue: parts[1]) else { return nil }
            (verb, service) = (.command(command), nil)
        case 4 where parts[1] == "services" && !parts[2].isEmpty:
            guard let command = Command(rawValue: parts[3]) else { return nil }
            (verb, service) = (.command(command), parts[2])
        default:
            return nil
        }
    }
}
