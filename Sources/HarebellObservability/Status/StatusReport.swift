/// What a probe is answered: whether all is well, and each part's state.
public struct StatusReport: Sendable, Hashable {
    /// One part of the process.
    public struct Check: Sendable, Hashable {
        /// What it is called.
        public var name: String
        /// How it is, in a few words.
        public var state: String
        /// Whether it is as it should be.
        public var isOK: Bool

        /// A part's state.
        public init(name: String, state: String, isOK: Bool) {
            self.name = name
            self.state = state
            self.isOK = isOK
        }
    }

    /// The parts.
    public var checks: [Check]

    /// A report on these parts.
    public init(_ checks: [Check]) {
        self.checks = checks
    }

    /// Whether every part is as it should be.
    public var isOK: Bool { checks.allSatisfy(\.isOK) }

    /// `{"status":"ok","checks":{"worker email":"running"}}`, with 503 where something is not.
    var response: StatusResponse {
        var text = "{\"status\":\"\(isOK ? "ok" : "failing")\",\"checks\":{"
        for (index, check) in checks.enumerated() {
            text += index == 0 ? "\"" : ",\""
            Escaping.appendJSON(check.name, to: &text)
            text += "\":\""
            Escaping.appendJSON(check.state, to: &text)
            text += "\""
        }
        return StatusResponse(status: isOK ? 200 : 503, body: text + "}}\n")
    }
}
