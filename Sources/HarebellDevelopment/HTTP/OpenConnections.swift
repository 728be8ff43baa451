import NIOCore
import Synchronization

/// The connections that a server has accepted, so that it can close them when it stops.
final class OpenConnections: Sendable {
    private let limit: Int
    private let channels = Mutex<[ObjectIdentifier: any Channel]?>([:])

    init(limit: Int) {
        self.limit = limit
    }

    /// Remembers a connection until it closes; false when there are too many or the server has stopped.
    func add(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isAccepted = channels.withLock { channels in
            guard let count = channels?.count, count < limit else { return false }
            channels?[id] = channel
            return true
        }
        if isAccepted {
            channel.closeFuture.whenComplete { [self] _ in
                channels.withLock { channels in _ = channels?.removeValue(forKey: id) }
            }
        }
        return isAccepted
    }

    /// Closes all, accepts no more, and returns when they are closed.
    func closeAll() async {
        let open = channels.withLock { channels -> [any Channel] in
            defer { channels = nil }
            return channels.map { Array($0.values) } ?? []
        }
        for channel in open { try? await channel.close() }
    }
}
