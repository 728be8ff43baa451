/// One figure of the contract: what was measured, what must be and what is aimed at.
struct Judgement: Sendable {
    enum Limit: Sendable {
        case atMost(Double)
        case atLeast(Double)

        func holds(_ value: Double) -> Bool {
            switch self {
            case .atMost(let limit): value <= limit
            case .atLeast(let limit): value >= limit
            }
        }

        func text(_ unit: String) -> String {
            switch self {
            case .atMost(let limit): "≤ \(formatted(limit, digits: 2))\(unit)"
            case .atLeast(let limit): "≥ \(formatted(limit, digits: 2))\(unit)"
            }
        }
    }

    enum Verdict: String, Sendable {
        case ok
        /// The must is kept, the aim is not.
        case short = "short of the aim"
        case missed = "MUST MISSED"
        case unknown = "-"
    }

    let title: String
    /// `×` for a ratio.
    var unit = " ×"
    /// `nil` where a side was not measured.
    let value: Double?
    /// The smallest and largest value of a single round.
    var spread: ClosedRange<Double>?
    let must: Limit
    let aim: Limit

    var verdict: Verdict {
        guard let value else { return .unknown }
        if aim.holds(value) { return .ok }
        return must.holds(value) ? .short : .missed
    }

    /// The judgements as a table.
    static func table(_ judgements: [Judgement]) -> String {
        let heading = ["JUDGED", "MEASURED", "SPREAD", "MUST", "AIM", "VERDICT"]
        return aligned(
            [heading]
                + judgements.map { judgement in
                    [
                        judgement.title,
                        judgement.value == nil ? "-" : formatted(judgement.value, digits: 2) + judgement.unit,
                        judgement.spread.map {
                            formatted($0.lowerBound, digits: 2) + "–" + formatted($0.upperBound, digits: 2)
                        } ?? "-",
                        judgement.must.text(judgement.unit), judgement.aim.text(judgement.unit),
                        judgement.verdict.rawValue,
                    ]
                }, leading: 1)
    }
}
