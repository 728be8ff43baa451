import AMQP

// The management API's own words, as far as they are read here.

struct QueueReport: Decodable {
    struct Statistics: Decodable {
        let publish_details: Rate?
        let ack_details: Rate?
    }

    struct Rate: Decodable {
        let rate: Double
    }

    let name: String
    let type: String?
    let durable: Bool
    let state: String?
    let messages_ready: Int?
    let messages_unacknowledged: Int?
    let consumers: Int?
    let message_bytes: Int?
    let message_stats: Statistics?
    let policy: String?
    let operator_policy: String?
    /// What policies and operator policies come to together.
    let effective_policy_definition: ArgumentsReport?
    let arguments: ArgumentsReport
}

/// An exclusive queue with the connection it belongs to.
struct QueueOwnerReport: Decodable {
    struct Owner: Decodable {
        let name: String?
    }

    /// Nil as long as the broker has not collected it, which it writes in several ways.
    let owner: Owner?

    private enum CodingKeys: CodingKey {
        case owner_pid_details
    }

    init(from decoder: any Decoder) throws {
        owner = try? decoder.container(keyedBy: CodingKeys.self).decode(Owner.self, forKey: .owner_pid_details)
    }
}

/// What the health check of alarms answers; without alarms it names none.
struct AlarmsReport: Decodable {
    struct Alarm: Decodable {
        let node: String?
        let resource: String?
    }

    /// `ok` when there is none.
    let status: String?
    let alarms: [Alarm]?
}

struct ExchangeReport: Decodable {
    let name: String
    let type: String
    let durable: Bool
    let arguments: ArgumentsReport
}

struct BindingReport: Decodable {
    let source: String
    let destination: String
    let destination_type: String
    let routing_key: String
}

/// Arguments as JSON; an empty table may come as an empty array, as Erlang writes both alike.
struct ArgumentsReport: Decodable {
    enum Value: Decodable {
        case text(String)
        case integer(Int)
        case bool(Bool)
        case other

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Int.self) {
                self = .integer(value)
            } else if let value = try? container.decode(String.self) {
                self = .text(value)
            } else {
                self = .other
            }
        }

        var text: String? { if case .text(let value) = self { value } else { nil } }
        var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    }

    let values: [String: Value]

    init(from decoder: any Decoder) throws {
        values = (try? decoder.singleValueContainer().decode([String: Value].self)) ?? [:]
    }

    var table: FieldTable {
        var table: FieldTable = [:]
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .text(let text): table[name] = .string(text)
            case .integer(let integer): table[name] = .int64(Int64(integer))
            case .bool(let bool): table[name] = .bool(bool)
            case .other: table[name] = .string("?")
            }
        }
        return table
    }
}
