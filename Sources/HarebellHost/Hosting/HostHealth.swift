import Harebell
import HarebellObservability
import HarebellRabbitMQ
import NIOCore
import NIOPosix

/// What probes are told about a process: the health of its services, and whether the process itself makes progress.
struct HostHealth: Sendable {
    let services: [any ObservableService]
    private let isWorker: Bool

    init(_ services: [any ObservableService]) {
        self.services = services
        isWorker = services.contains { $0 is Worker<RabbitMQTransport> }
    }

    /// The process makes progress: every event loop answers, this task runs at all, and no service is stuck.
    ///
    /// Never the broker: restarting us does not mend it.
    func live() async -> StatusReport {
        var checks = [await eventLoops()]
        for service in services {
            let health = await service.liveness()
            checks.append(
                .init(name: health.name, state: health.stuck ?? "makes progress", isOK: health.stuck == nil))
        }
        return StatusReport(checks)
    }

    /// Every service takes work.
    ///
    /// Whoever only publishes from an outbox is ready without the broker: what it has to say waits.
    func ready() async -> StatusReport {
        StatusReport(
            await all().map { health in
                let isOptional = !isWorker && health.name == "broker"
                return .init(name: health.name, state: health.state, isOK: health.isReady || isOptional)
            })
    }

    /// Every service has begun to work.
    func started() async -> StatusReport {
        StatusReport(
            await all().map { health in
                let isOptional = !isWorker && health.name == "broker"
                return .init(name: health.name, state: health.state, isOK: health.isStarted || isOptional)
            })
    }

    private func all() async -> [ServiceHealth] {
        var all: [ServiceHealth] = []
        for service in services { all.append(await service.health()) }
        return all
    }

    /// Whether all event loops run what is given to them within five seconds.
    private func eventLoops() async -> StatusReport.Check {
        let (answers, answer) = AsyncStream.makeStream(of: Void.self)
        var count = 0
        for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() {
            count += 1
            loop.execute { answer.yield() }
        }
        let isOK = await withTaskGroup(of: Bool.self) { [count] group in
            group.addTask {
                var seen = 0
                for await _ in answers {
                    seen += 1
                    if seen == count { return true }
                }
                return false
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(5))
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        return .init(name: "event loops", state: isOK ? "make progress" : "one does not answer", isOK: isOK)
    }
}
