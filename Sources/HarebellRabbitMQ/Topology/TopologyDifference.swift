import AMQP

/// One way in which a broker differs from what a topology asks for.
public struct TopologyDifference: Sendable, Hashable, CustomStringConvertible {
    /// What kind of difference it is.
    public enum Kind: String, Sendable, Hashable {
        /// It does not exist: applying creates it.
        case missing
        /// It exists with another value: applying cannot change it.
        case mismatch
        /// It differs where an operator may decide: nothing fails for it.
        case tolerated
        /// It exists and nobody asked for it, such as a binding without a handler.
        case extra
    }

    /// What kind of difference it is.
    public let kind: Kind
    /// What differs: `queue 'email.retry.5s'`.
    public let subject: String
    /// The field that differs, when it is one field.
    public let field: String?
    /// What is wanted, or nil for something extra.
    public let wanted: String?
    /// What exists, or nil for something missing.
    public let existing: String?

    /// The difference on one line, with the sign that `diff` readers know.
    public var description: String {
        switch kind {
        case .missing: "+ \(subject)"
        case .extra: "- \(subject)"
        case .mismatch, .tolerated:
            "\(kind == .mismatch ? "~" : "!") \(subject)  \(field ?? "")  \(existing ?? "none") -> \(wanted ?? "none")"
        }
    }
}

extension Topology {
    /// Compares this topology with what a broker reports, field by field.
    ///
    /// Bindings of our work queues that nobody asked for are reported as extra: they bring events without a handler.
    /// Other exchanges and queues of the broker are nobody's business here, nor is the binding that is there while a
    /// topology is applied: nothing comes through it.
    public func differences(from observed: ObservedTopology) -> [TopologyDifference] {
        var found: [TopologyDifference] = []
        for exchange in exchanges {
            let subject = "exchange '\(exchange.name)'"
            guard let existing = observed.exchanges[exchange.name] else {
                found.append(.missing(subject))
                continue
            }
            found += Self.compare(
                subject, type: exchange.type.name, arguments: exchange.arguments, with: existing)
        }
        for queue in queues {
            let subject = "queue '\(queue.name)'"
            guard let existing = observed.queues[queue.name] else {
                found.append(.missing(subject))
                continue
            }
            let type = queue.arguments["x-queue-type"]?.plainText ?? "classic"
            found += Self.compare(subject, type: type, arguments: queue.arguments, with: existing)
        }
        let wanted = Set(bindings)
        for binding in bindings where !observed.bindings.contains(binding) {
            found.append(.missing(TopologyError.Subject.binding(binding).description))
        }
        let ours = Set(queues.map(\.name))
        let extra = observed.bindings.filter {
            ours.contains($0.queue) && !wanted.contains($0) && $0.routingKey != Self.settlingKey
        }
        for binding in extra.sorted(by: { ($0.queue, $0.exchange) < ($1.queue, $1.exchange) }) {
            found.append(
                TopologyDifference(
                    kind: .extra, subject: TopologyError.Subject.binding(binding).description, field: nil, wanted: nil,
                    existing: nil))
        }
        return found
    }

    private static func compare(
        _ subject: String, type: String, arguments: FieldTable, with existing: ObservedTopology.Entity
    ) -> [TopologyDifference] {
        var found: [TopologyDifference] = []
        func differ(_ field: String, _ wanted: String?, _ existing: String?) {
            guard wanted != existing else { return }
            let kind: TopologyDifference.Kind = field == "x-delivery-limit" ? .tolerated : .mismatch
            found.append(
                TopologyDifference(kind: kind, subject: subject, field: field, wanted: wanted, existing: existing))
        }
        differ("type", type, existing.type)
        differ("durable", "true", String(existing.isDurable))
        let names = Set(arguments.keys).union(existing.arguments.keys).subtracting(["x-queue-type"])
        for name in names.sorted() {
            differ(name, arguments[name]?.plainText, existing.arguments[name]?.plainText)
        }
        return found
    }
}

extension TopologyDifference {
    static func missing(_ subject: String) -> TopologyDifference {
        TopologyDifference(kind: .missing, subject: subject, field: nil, wanted: subject, existing: nil)
    }
}

extension FieldValue {
    /// A scalar as the management API would print it; whatever its width on the wire, a number is a number.
    package var plainText: String {
        switch self {
        case .bool(let value): String(value)
        case .string(let value): value
        default: integerValue.map(String.init) ?? "\(self)"
        }
    }
}
