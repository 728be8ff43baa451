/// The labels of a series, in order of name, as text.
struct LabelSet: Hashable, Sendable {
    /// `{service="email"}`, or nothing.
    let text: String

    /// Labels from a metric's dimensions: names are made valid, values are escaped, empty ones are left out.
    init(_ dimensions: [(String, String)]) {
        let pairs = dimensions.filter { !$0.1.isEmpty }.map { (PrometheusName.label($0.0), $0.1) }
        var seen: Set<String> = []
        let unique = pairs.filter { seen.insert($0.0).inserted }.sorted { $0.0 < $1.0 }
        let list = unique.map { "\($0.0)=\"\(PrometheusName.escaped($0.1))\"" }.joined(separator: ",")
        text = list.isEmpty ? "" : "{\(list)}"
    }

    /// The labels with one more at their end.
    func text(adding name: String, _ value: String) -> String {
        let own = "\(name)=\"\(value)\""
        return text.isEmpty ? "{\(own)}" : "\(text.dropLast()),\(own)}"
    }
}
