import NIOCore
import NIOPosix

/// Free ports on 127.0.0.1.
public enum LoopbackPort {
    /// Below every system's range for outgoing connections, so that no client takes the port of a node that is down
    /// for a moment.
    private static let range = 10_000..<32_000

    /// Ports that were free a moment ago, all different.
    public static func free(_ count: Int) async throws -> [Int] {
        var taken: [any Channel] = []
        var failure: (any Error)?
        var tries = 0
        while taken.count < count, tries < 200 {
            tries += 1
            do {
                taken.append(
                    try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                        .bind(host: "127.0.0.1", port: Int.random(in: range)).get())
            } catch {
                failure = error
            }
        }
        let ports = taken.compactMap { $0.localAddress?.port }
        for channel in taken { try? await channel.close() }
        guard ports.count == count else {
            throw DevelopmentError(.startFailed, "no free ports on 127.0.0.1: \(failure.map { "\($0)" } ?? "")")
        }
        return ports
    }
}
