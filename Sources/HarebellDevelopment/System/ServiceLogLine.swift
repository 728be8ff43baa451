#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A line that a service wrote: a JSON log line with its fields, or something else as it is.
public struct ServiceLogLine: Sendable, Hashable {
    /// The line as it was written.
    public let text: String
    /// Its fields, all as text; empty when the line is no JSON object.
    public let fields: [String: String]

    /// `trace` … `critical`, if the line says so.
    public var level: String? { fields["level"] }
    /// What the line says: the log message, or the whole line.
    public var message: String { fields["message"] ?? text }

    /// Reads a line.
    public init(_ text: String) {
        self.text = text
        let object = text.hasPrefix("{") ? try? JSONDecoder().decode([String: Value].self, from: Data(text.utf8)) : nil
        fields = object?.compactMapValues(\.text) ?? [:]
    }

    /// What the line means for the development system, if anything.
    func event(service: String) -> DevelopmentEvent? {
        if service == "pdf", let path = fields["file_path"] {
            return .pdfWritten(loanID: fields["loan_id"] ?? "", path: path)
        }
        if message == "status server listens", let url = fields["address"] {
            return .serviceStatus(name: service, url: url)
        }
        let eventID = fields["event_id"] ?? ""
        switch fields["outcome"] {
        case "dead_lettered":
            return .deadLettered(
                service: service, eventID: eventID, eventType: fields["event_type"] ?? "",
                reason: fields["reason"] ?? "", error: fields["error"] ?? "")
        case "retry_scheduled", "retry_immediate":
            let delay = Duration.milliseconds(fields["retry_after_ms"].flatMap { Int($0) } ?? 0)
            return .retried(
                service: service, eventID: eventID, attempt: fields["attempt"].flatMap { Int($0) } ?? 0, after: delay,
                reason: fields["error"] ?? "")
        default:
            return nil
        }
    }

    /// A scalar of JSON as text; anything else is left out.
    private struct Value: Decodable {
        let text: String?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let string = try? container.decode(String.self) {
                text = string
            } else if let flag = try? container.decode(Bool.self) {
                text = "\(flag)"
            } else if let number = try? container.decode(Int64.self) {
                text = "\(number)"
            } else if let number = try? container.decode(Double.self) {
                text = "\(number)"
            } else {
                text = nil
            }
        }
    }
}
