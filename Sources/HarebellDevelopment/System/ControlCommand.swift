/// What another terminal can ask of a running development system.
enum ControlCommand: Codable, Sendable, Hashable {
    case partner(kind: String, milliseconds: Int64?)
    case broker(BrokerAction)
    case service(name: String, signal: Int32)
    case status

    enum BrokerAction: String, Codable, Sendable {
        case kill, start, freeze, thaw
    }

    init(_ behavior: PartnerBehavior) {
        self =
            switch behavior {
            case .ok: .partner(kind: "ok", milliseconds: nil)
            case .fail(let duration): .partner(kind: "fail", milliseconds: duration?.wholeMilliseconds)
            case .retryAfter(let duration): .partner(kind: "retry-after", milliseconds: duration.wholeMilliseconds)
            case .reject: .partner(kind: "reject", milliseconds: nil)
            case .hang: .partner(kind: "hang", milliseconds: nil)
            }
    }

    /// The behaviour of a `partner` command; nil when it names none.
    static func behavior(kind: String, milliseconds: Int64?) -> PartnerBehavior? {
        let duration = milliseconds.map { Duration.milliseconds($0) }
        switch kind {
        case "ok": return .ok
        case "fail": return .fail(for: duration)
        case "retry-after": return duration.map { .retryAfter($0) }
        case "reject": return .reject
        case "hang": return .hang
        default: return nil
        }
    }
}

/// What a running development system says about itself.
public struct DevelopmentStatus: Codable, Sendable, Hashable {
    /// A service and its process.
    public struct Service: Codable, Sendable, Hashable {
        /// Its name.
        public let name: String
        /// Its process id; nil while it is down.
        public let processID: Int32?
        /// Where it tells of itself and takes commands, `http://127.0.0.1:PORT`; nil until it has said so.
        public let statusURL: String?
    }

    /// The services.
    public let services: [Service]
    /// Whether the broker's process runs.
    public let isBrokerRunning: Bool
    /// What the partner stub has counted.
    public let partner: PartnerStatistics
    /// How many mails were kept.
    public let mails: Int
    /// The address of the payout API.
    public let payoutURL: String
    /// The folder with the mails.
    public let mailDirectory: String
    /// The folder with the receipts.
    public let pdfDirectory: String
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var wholeMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
