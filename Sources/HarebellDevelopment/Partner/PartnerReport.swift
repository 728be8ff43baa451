#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the stub reads from the body of a loan report.
struct PartnerReport: Decodable, Hashable {
    let loanID: String
    let status: String
    /// The time of the event, as written: ISO 8601 in UTC sorts as text.
    let occurredAt: String?

    init(loanID: String, status: String, occurredAt: String? = nil) {
        self.loanID = loanID
        self.status = status
        self.occurredAt = occurredAt
    }

    init(body: [UInt8]) throws {
        self = try JSONDecoder().decode(PartnerReport.self, from: Data(body))
    }

    private enum CodingKeys: String, CodingKey {
        case loanID, loanId, loan_id, status, occurredAt, occurred_at, timestamp, data
    }

    /// Reads the fields from the top level, or from `data` as Standard Webhooks recommends.
    init(from decoder: any Decoder) throws {
        let top = try decoder.container(keyedBy: CodingKeys.self)
        let fields = (try? top.nestedContainer(keyedBy: CodingKeys.self, forKey: .data)) ?? top
        func text(_ keys: CodingKeys...) -> String? {
            for container in [fields, top] {
                for key in keys {
                    if let value = try? container.decode(String.self, forKey: key) { return value }
                }
            }
            return nil
        }
        guard let loanID = text(.loanID, .loanId, .loan_id), let status = text(.status) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no loan id or no status"))
        }
        self.init(loanID: loanID, status: status, occurredAt: text(.occurredAt, .occurred_at, .timestamp))
    }

    /// Where the report stands in its loan's life: an earlier one after a later one is an inversion.
    var order: Order {
        let rank =
            switch status.lowercased() {
            case "created": 0
            case "paid-out", "paidout", "paid_out": 1
            default: 2
            }
        return Order(rank: rank, occurredAt: occurredAt ?? "")
    }

    struct Order: Comparable, Hashable, Sendable {
        let rank: Int
        let occurredAt: String

        static func < (left: Order, right: Order) -> Bool {
            // Equal times, or none at all, are decided by what can only come first.
            if left.occurredAt != right.occurredAt, !left.occurredAt.isEmpty, !right.occurredAt.isEmpty {
                return left.occurredAt < right.occurredAt
            }
            return left.rank < right.rank
        }
    }
}
