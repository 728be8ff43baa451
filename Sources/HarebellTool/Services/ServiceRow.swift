import HarebellOperations

/// A service in the list: how it is, or why nobody knows.
struct ServiceRow: Encodable, Sendable, Hashable {
    /// Its name; nil when its status port does not answer and nobody else knows it.
    var name: String?
    /// What it is doing; `unreachable`, `down`, `no status port` and `no worker` where it does not say.
    var state: String
    /// Whether its status port answers.
    var isReachable: Bool
    /// How many messages are in its hands; nil when it does not say.
    var inHand: Int?
    /// How many it takes at most; nil when it does not say.
    var prefetch: Int?
    /// Its status port.
    var address: String?
    /// Why it cannot be told anything, and what to do about it.
    var problem: String?

    /// Whether it can be told something.
    var isControllable: Bool { isReachable && inHand != nil }

    init(
        name: String?, state: String, isReachable: Bool, inHand: Int? = nil, prefetch: Int? = nil,
        address: String? = nil, problem: String? = nil
    ) {
        self.name = name
        self.state = state
        self.isReachable = isReachable
        self.inHand = inHand
        self.prefetch = prefetch
        self.address = address
        self.problem = problem
    }

    init(_ status: ServiceStatus, at address: String) {
        self.init(
            name: status.name, state: status.state, isReachable: true, inHand: status.inHand,
            prefetch: status.prefetch, address: address)
    }

    /// The table of some services; the wide one says what is wrong.
    static func table(_ rows: [ServiceRow], isWide: Bool) -> Table {
        var table = Table(
            [.text("SERVICE"), .text("STATE"), .number("IN-HAND"), .number("PREFETCH"), .text("ADDRESS")]
                + (isWide ? [.text("PROBLEM")] : []))
        for row in rows {
            table.add(
                [row.name, row.state, row.inHand.map(String.init), row.prefetch.map(String.init), row.address]
                    + (isWide ? [row.problem] : []))
        }
        return table
    }
}
