import Curl

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The status port of a process on this machine: which services work in it, and commands to them.
///
/// A process takes commands from its own machine only, so no other address is accepted.
public struct StatusPort: Sendable {
    /// Where it is: `http://127.0.0.1:PORT`.
    public let url: String
    private let curl: CurlClient

    /// Describes how to reach it; nothing is asked yet.
    ///
    /// - Throws: ``StatusPortError`` with code `invalidAddress` for anything but an address of this machine.
    public init(url: String) throws(StatusPortError) {
        var url = url
        while url.last == "/" { url.removeLast() }
        guard Self.isOfThisMachine(url) else {
            throw StatusPortError(
                .invalidAddress, url: url, "a service takes commands from its own machine only: http://127.0.0.1:PORT")
        }
        self.url = url
        do throws(CurlError) {
            curl = try CurlClient(
                configuration: CurlConfiguration(
                    connectTimeout: .seconds(2), timeout: .seconds(10), maximumResponseSize: 1 << 20, isTraced: false))
        } catch {
            throw StatusPortError(.unreachable, url: url, "\(error)")
        }
    }

    /// The services that work in the process; empty when it only publishes.
    ///
    /// - Parameter timeout: how long the answer may take.
    public func services(within timeout: Duration = .seconds(5)) async throws(StatusPortError) -> [ServiceStatus] {
        struct Answer: Decodable { let services: [ServiceStatus] }
        let body = try await send("GET", "/control/services", timeout: timeout)
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body)) else {
            throw StatusPortError(.notAStatusPort, url: url, "what listens there is no status port of Harebell")
        }
        return answer.services
    }

    /// Tells a service of the process something, and returns when that is in force, or after 5 s.
    public func send(_ command: ServiceCommand, to service: String) async throws(StatusPortError) {
        let name = service.utf8.map { byte in
            let isPlain =
                byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                || (byte < 0x80 && Character(UnicodeScalar(byte)).isLetter)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        _ = try await send(
            command.method, "/control/services/\(name)/\(command.verb)", body: command.body, timeout: .seconds(10))
    }

    private func send(
        _ method: String, _ path: String, body: [UInt8]? = nil, timeout: Duration
    ) async throws(StatusPortError) -> [UInt8] {
        let response: HTTPResponse
        do throws(CurlError) {
            response = try await curl.send(
                HTTPRequest(method: method, url: url + path, body: body, timeout: timeout))
        } catch {
            throw StatusPortError(.unreachable, url: url, "it does not answer: \(error.message)")
        }
        guard response.status != 200 else { return response.body }
        struct Problem: Decodable { let detail: String }
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
        guard let problem else {
            throw StatusPortError(.notAStatusPort, url: url, "what listens there is no status port of Harebell")
        }
        throw StatusPortError(.refused, url: url, problem.detail)
    }

    private static func isOfThisMachine(_ url: String) -> Bool {
        ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].contains { prefix in
            guard url.hasPrefix(prefix), let port = UInt16(url.dropFirst(prefix.count)) else { return false }
            return port > 0
        }
    }
}

/// A status port could not be asked, or said no.
public struct StatusPortError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    public struct Code: Hashable, Sendable {
        private enum Base { case invalidAddress, unreachable, notAStatusPort, refused }
        private let base: Base

        private init(_ base: Base) { self.base = base }

        /// The address is not one of a status port on this machine.
        public static let invalidAddress = Code(.invalidAddress)
        /// Nobody answers there.
        public static let unreachable = Code(.unreachable)
        /// Somebody answers, but not as a process of Harebell does.
        public static let notAStatusPort = Code(.notAStatusPort)
        /// The process says no.
        public static let refused = Code(.refused)
    }

    /// What went wrong.
    public let code: Code
    /// Which status port.
    public let url: String
    /// What went wrong, in words; a process's own words may be among them.
    public let message: String

    init(_ code: Code, url: String, _ message: String) {
        self.code = code
        self.url = url
        self.message = message
    }

    /// The port and what is wrong with it.
    public var description: String { "\(url): \(message)" }
}
