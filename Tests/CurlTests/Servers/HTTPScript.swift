import Synchronization

/// A request as it came over the wire.
struct ReceivedRequest: Sendable {
    let head: String
    let body: String

    var firstLine: Substring { head.split(separator: "\r\n").first ?? "" }

    /// The values of all fields with this name, in order.
    func values(_ name: String) -> [String] {
        head.split(separator: "\r\n").dropFirst().compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].lowercased() == name.lowercased() else { return nil }
            return parts[1].drop { $0 == " " }.description
        }
    }
}

/// Answers every request with what `respond` says, and keeps the requests.
struct HTTPScript: Script {
    let log: HTTPLog
    let respond: @Sendable (ReceivedRequest) -> [Reaction]

    mutating func opened() -> [Reaction] { [] }

    mutating func received(_ buffer: inout [UInt8]) -> [Reaction] {
        var reactions: [Reaction] = []
        while let request = Self.takeRequest(from: &buffer) {
            log.requests.withLock { $0.append(request) }
            reactions += respond(request)
        }
        return reactions
    }

    private static func takeRequest(from buffer: inout [UInt8]) -> ReceivedRequest? {
        let text = String(decoding: buffer, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let head = String(text[..<end.lowerBound])
        let length = ReceivedRequest(head: head, body: "").values("Content-Length").first.flatMap { Int($0) } ?? 0
        let start = head.utf8.count + 4
        guard buffer.count >= start + length else { return nil }
        let body = String(decoding: buffer[start..<start + length], as: UTF8.self)
        buffer.removeFirst(start + length)
        return ReceivedRequest(head: head, body: body)
    }
}

/// What an HTTP server was asked.
final class HTTPLog: Sendable {
    let requests = Mutex<[ReceivedRequest]>([])

    var all: [ReceivedRequest] { requests.withLock { $0 } }
}

extension Reaction {
    /// A response that keeps the connection open.
    static func response(_ status: String, fields: [String] = [], body: String = "") -> Reaction {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields
        return .send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }
}
