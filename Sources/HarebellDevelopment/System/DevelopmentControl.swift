import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reaches the development system that runs in a directory, from another process of the same user.
public struct DevelopmentControl: Sendable {
    private let client: LoopbackHTTPClient
    private let control: StateDirectory.Control

    /// The administrator's URL of the system's broker.
    ///
    /// It holds the password: do not log it.
    public var brokerURL: String { control.brokerURL }
    /// The address of the broker's management API.
    public var managementURL: String { control.managementURL }
    /// The address of the payout API.
    public var payoutURL: String { control.payoutURL }

    /// Finds the system that runs in a directory.
    ///
    /// - Throws: `DevelopmentError` `.notRunning` when none does.
    public init(directory: String = ".harebell/dev") throws {
        control = try StateDirectory.control(in: directory)
        client = LoopbackHTTPClient(port: control.port, authorization: "Bearer \(control.token)")
    }

    /// Makes the partner stub answer like this from now on.
    public func setPartner(_ behavior: PartnerBehavior) async throws { _ = try await send(ControlCommand(behavior)) }

    /// Kills the broker's process, as a power cut would.
    public func killBroker() async throws { _ = try await send(.broker(.kill)) }

    /// Starts the broker again with the same ports and data, and returns when it is ready.
    public func startBroker() async throws { _ = try await send(.broker(.start), deadline: .seconds(150)) }

    /// Stops the broker in its tracks: connections stay open and nothing answers.
    public func freezeBroker() async throws { _ = try await send(.broker(.freeze)) }

    /// Lets a frozen broker go on.
    public func thawBroker() async throws { _ = try await send(.broker(.thaw)) }

    /// Sends a signal to a service's process.
    public func signal(_ signal: Int32, to service: String) async throws {
        _ = try await send(.service(name: service, signal: signal))
    }

    /// Asks how it is.
    public func status() async throws -> DevelopmentStatus {
        try JSONDecoder().decode(DevelopmentStatus.self, from: Data(try await send(.status)))
    }

    private func send(_ command: ControlCommand, deadline: Duration = .seconds(20)) async throws -> [UInt8] {
        let body = [UInt8](try JSONEncoder().encode(command))
        let response: LoopbackHTTPClient.Response
        do {
            response = try await client.send(.POST, "/control", body: body, deadline: deadline)
        } catch let error as DevelopmentError {
            throw error
        } catch {
            throw DevelopmentError(.notRunning, "the development system does not answer: \(error)")
        }
        guard response.status == 200 else { throw DevelopmentError(.requestFailed, response.text) }
        return response.body
    }
}
