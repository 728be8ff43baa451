/// A service that can be told to take less or nothing, as `/control/services` shows it.
public struct ControlledService: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// What it is doing, in a word, such as `running`, `paused`, `draining` or `broken`.
    public var state: String
    /// How many messages are in its hands now.
    public var inHand: Int
    /// How many it has in its hands at most.
    public var prefetch: Int

    /// A service and how it is.
    public init(name: String, state: String, inHand: Int, prefetch: Int) {
        self.name = name
        self.state = state
        self.inHand = inHand
        self.prefetch = prefetch
    }

    /// `{"services":[{"service":"email","state":"running","in_hand":3,"prefetch":20}]}`.
    static func response(_ services: [ControlledService]) -> StatusResponse {
        let items = services.map { service in
            var text = "{\"service\":\""
            Escaping.appendJSON(service.name, to: &text)
            text += "\",\"state\":\""
            Escaping.appendJSON(service.state, to: &text)
            return text + "\",\"in_hand\":\(service.inHand),\"prefetch\":\(service.prefetch)}"
        }
        return StatusResponse(status: 200, body: "{\"services\":[\(items.joined(separator: ","))]}\n")
    }
}
