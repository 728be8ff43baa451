import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension PrivateBroker {
    /// A queue as the management API shows it; counts are up to a second old.
    public struct QueueSummary: Sendable, Hashable, Decodable {
        /// The queue's name.
        public let name: String
        /// Ready and unacknowledged messages; nil when the node has not counted yet.
        public let messages: Int?
        /// Messages ready for delivery.
        public let messagesReady: Int?
        /// Messages delivered and not yet settled.
        public let messagesUnacknowledged: Int?
        /// Its consumers.
        public let consumers: Int?

        private enum CodingKeys: String, CodingKey {
            case name, messages, consumers
            case messagesReady = "messages_ready"
            case messagesUnacknowledged = "messages_unacknowledged"
        }
    }

    /// A client connection as the management API shows it.
    public struct ConnectionSummary: Sendable, Hashable, Decodable {
        /// The broker's name for it: addresses and ports.
        public let name: String
        /// The user.
        public let user: String?
        /// The virtual host.
        public let virtualHost: String?
        /// What the client calls itself.
        public let clientName: String?

        private enum CodingKeys: String, CodingKey {
            case name, user
            case virtualHost = "vhost"
            case clientName = "user_provided_name"
        }
    }

    /// Adds a virtual host in which the administrator may do everything.
    public func addVirtualHost(_ name: String) async throws {
        try await manage(.PUT, "/api/vhosts/\(percentEncoded(name))", [String: String]())
        try await setPermissions(of: user, in: name, configure: ".*", write: ".*", read: ".*")
    }

    /// Removes a virtual host with everything in it; one that is not there is fine.
    public func removeVirtualHost(_ name: String) async throws {
        try await manage(.DELETE, "/api/vhosts/\(percentEncoded(name))", accepting: 404)
    }

    /// Sets a policy for the queues whose names match a pattern.
    public func setPolicy(
        _ name: String, pattern: String, limits: [String: Int], overflow: String? = nil, in virtualHost: String = "/"
    ) async throws {
        struct Policy: Encodable {
            enum Value: Encodable {
                case number(Int), text(String)

                func encode(to encoder: any Encoder) throws {
                    var container = encoder.singleValueContainer()
                    switch self {
                    case .number(let number): try container.encode(number)
                    case .text(let text): try container.encode(text)
                    }
                }
            }
            let pattern: String
            let definition: [String: Value]
        }
        var definition = limits.mapValues { Policy.Value.number($0) }
        if let overflow { definition["overflow"] = .text(overflow) }
        try await manage(
            .PUT, "/api/policies/\(percentEncoded(virtualHost))/\(percentEncoded(name))",
            Policy(pattern: pattern, definition: definition))
    }

    /// Adds a user, or changes the password of one that exists, with permissions in one virtual host.
    public func addUser(
        _ name: String, password: String, virtualHost: String = "/", configure: String, write: String, read: String
    ) async throws {
        struct User: Encodable {
            let password: String
            let tags: String
        }
        try await manage(.PUT, "/api/users/\(percentEncoded(name))", User(password: password, tags: ""))
        try await setPermissions(of: name, in: virtualHost, configure: configure, write: write, read: read)
    }

    /// Removes a user; one that is not there is fine.
    public func removeUser(_ name: String) async throws {
        try await manage(.DELETE, "/api/users/\(percentEncoded(name))", accepting: 404)
    }

    /// The quorum queues that no leader serves: nothing can be published to them or consumed.
    ///
    /// The leader that the node names may be one of before its restart. A queue's state is what a living leader reports,
    /// which takes up to five seconds after the start.
    func leaderlessQueues(in virtualHost: String = "/") async throws -> [String] {
        struct Queue: Decodable {
            let name: String
            let type: String?
            let leader: String?
            let state: String?
        }
        let queues: [Queue] = try await ask("/api/queues/\(percentEncoded(virtualHost))?columns=name,type,leader,state")
        return queues.filter { $0.type == "quorum" && (($0.leader ?? "").isEmpty || $0.state == nil) }
            .map(\.name).sorted()
    }

    /// The queues of a virtual host.
    public func queues(in virtualHost: String = "/") async throws -> [QueueSummary] {
        let columns = "name,messages,messages_ready,messages_unacknowledged,consumers"
        return try await ask("/api/queues/\(percentEncoded(virtualHost))?columns=\(columns)")
    }

    /// Ready and unacknowledged messages per queue; a queue that the node has not counted yet is left out.
    public func queueDepths(in virtualHost: String = "/") async throws -> [String: Int] {
        try await queues(in: virtualHost).reduce(into: [:]) { $0[$1.name] = $1.messages }
    }

    /// Deletes a queue with its messages; one that is not there is fine.
    public func deleteQueue(_ name: String, in virtualHost: String = "/") async throws {
        try await manage(
            .DELETE, "/api/queues/\(percentEncoded(virtualHost))/\(percentEncoded(name))", accepting: 404)
    }

    /// The client connections that the node has counted so far.
    public func connections() async throws -> [ConnectionSummary] {
        try await ask("/api/connections?columns=name,user,vhost,user_provided_name")
    }

    /// Closes the connections that match, as an operator would; returns how many were closed.
    @discardableResult
    public func closeConnections(where matches: (ConnectionSummary) -> Bool = { _ in true }) async throws -> Int {
        let chosen = try await connections().filter(matches)
        for connection in chosen {
            try await manage(.DELETE, "/api/connections/\(percentEncoded(connection.name))", accepting: 404)
        }
        return chosen.count
    }

    private func setPermissions(
        of user: String, in virtualHost: String, configure: String, write: String, read: String
    ) async throws {
        struct Permissions: Encodable {
            let configure: String
            let write: String
            let read: String
        }
        try await manage(
            .PUT, "/api/permissions/\(percentEncoded(virtualHost))/\(percentEncoded(user))",
            Permissions(configure: configure, write: write, read: read))
    }

    func ask<Answer: Decodable>(_ path: String) async throws -> Answer {
        let response = try await request(.GET, path)
        return try JSONDecoder().decode(Answer.self, from: Data(response.body))
    }

    private func manage(_ method: HTTPMethod, _ path: String, accepting: Int? = nil) async throws {
        _ = try await request(method, path, accepting: accepting)
    }

    private func manage(_ method: HTTPMethod, _ path: String, _ body: some Encodable) async throws {
        _ = try await request(method, path, body: [UInt8](JSONEncoder().encode(body)))
    }

    private func request(
        _ method: HTTPMethod, _ path: String, body: [UInt8] = [], accepting: Int? = nil
    ) async throws -> LoopbackHTTPClient.Response {
        guard let management else {
            throw DevelopmentError(.invalidState, "this broker was started without its management API")
        }
        let response = try await management.send(method, path, body: body)
        guard (200..<300).contains(response.status) || response.status == accepting else {
            // The body of a request may hold a password; the answer does not.
            throw DevelopmentError(
                .requestFailed, "\(method) \(path) was answered with \(response.status): \(response.text)")
        }
        return response
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            encoded.append(byte)
        default:
            encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: encoded, as: UTF8.self)
}

/// The path from the root; a relative one starts at the working directory.
func absolutePath(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
}
