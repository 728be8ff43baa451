public import Logging
import Signing
import Synchronization

/// The whole reference system on this machine: a private broker, a mail sink, a partner stub and the four services.
///
/// ```swift
/// let system = DevelopmentSystem(configuration, logger: logger)
/// let events = system.events()          // before `run`: they begin with the start
/// try await system.run { try await system.runDemo() }
/// ```
/// When `run` returns, throws or is cancelled, no process, port or port mapper is left; when this process is killed
/// neither. Mails, receipts, loans and the broker's data stay in the directory.
public final class DevelopmentSystem: Sendable {
    /// What runs while the body of `run` does.
    struct Running: Sendable {
        let state: StateDirectory
        let broker: PrivateBroker
        let sink: MailSink
        let partner: PartnerStub
        let supervisor: ServiceSupervisor
        let payoutURL: String
        let pdfDirectory: String
    }

    /// What was asked for.
    public let configuration: DevelopmentConfiguration
    let logger: Logger
    private let broadcast = Broadcast<DevelopmentEvent>()
    private let state = Mutex<Running?>(nil)
    /// Where the services that run tell of themselves; each start of a process has a port of its own.
    private let statusURLs = Mutex<[String: String]>([:])
    /// One element for each start of the broker's process, for whoever waits for its end.
    private let (brokerStarts, brokerStarted) = AsyncStream.makeStream(of: Void.self)

    /// Describes a system; `run` runs it, once.
    public init(_ configuration: DevelopmentConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// What happens from now on; ends with the system.
    public func events() -> AsyncStream<DevelopmentEvent> { broadcast.stream() }

    /// Brings everything up, runs `body` when all of it answers, and takes everything down again.
    ///
    /// - Throws: `DevelopmentError`: `.alreadyRunning`, `.notInstalled` with the command that helps, `.startFailed`; and
    ///   what `body` throws.
    public func run<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        defer { broadcast.finish() }
        let state = try StateDirectory(configuration.directory)
        defer { state.close() }
        if configuration.forgets { try state.removeData() }
        let teardown = Teardown()
        do {
            let result = try await run(body, in: state, teardown)
            await teardown.run()
            return result
        } catch {
            await teardown.run()
            throw error
        }
    }

    /// The private broker.
    public var broker: PrivateBroker { get throws { try running.broker } }
    /// The mail sink.
    public var mailSink: MailSink { get throws { try running.sink } }
    /// The partner stub.
    public var partner: PartnerStub { get throws { try running.partner } }
    /// The supervisor of the services.
    public var supervisor: ServiceSupervisor { get throws { try running.supervisor } }
    /// The address of the payout API.
    public var payoutURL: String { get throws { try running.payoutURL } }
    /// The folder with the receipts.
    public var pdfDirectory: String { get throws { try running.pdfDirectory } }

    /// Where a service tells of itself and takes commands; nil while it does not run, or has not said so yet.
    func statusURL(of service: String) -> String? { statusURLs.withLock { $0[service] } }

    var running: Running {
        get throws {
            guard let running = state.withLock({ $0 }) else {
                throw DevelopmentError(.notRunning, "the development system does not run")
            }
            return running
        }
    }

    /// Makes the partner stub answer like this from now on.
    public func setPartner(_ behavior: PartnerBehavior) throws {
        try partner.behave(behavior)
        send(.partnerBehaves(behavior))
    }

    /// Starts the broker again after it was killed.
    public func startBroker() async throws {
        send(.brokerStarting)
        let began = ContinuousClock.now
        let broker = try broker
        try await broker.restart()
        brokerStarted.yield()
        send(.brokerReady(address: broker.address, took: .now - began))
    }

    func send(_ event: DevelopmentEvent) { broadcast.send(event) }

    private func run<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result, in directory: StateDirectory, _ teardown: Teardown
    ) async throws -> Result {
        let folder = configuration.executables ?? ownFolder()
        // Before anything is started: a program that is missing is said at once.
        let executables = try ReferenceService.all.map { try $0.path(in: folder) }
        let secret = StandardWebhooks.Secret.random()
        let sink = try await MailSink.start(.init(directory: directory.folder(StateDirectory.mail)), logger: logger)
        teardown.add { await sink.stop() }
        send(.mailSinkReady(url: sink.url, directory: sink.directory))
        let partner = try await PartnerStub.start(secrets: [secret], logger: logger)
        teardown.add { await partner.stop() }
        send(.partnerReady(url: partner.url))

        send(.brokerStarting)
        let began = ContinuousClock.now
        let broker = try await PrivateBroker.start(in: directory.folder(StateDirectory.broker), logger: logger)
        teardown.add { [configuration] in await broker.stop(grace: configuration.brokerGrace) }
        brokerStarted.yield()
        send(.brokerReady(address: broker.address, took: .now - began))
        try await applyTopology(on: broker)

        let port =
            if configuration.payoutPort == 0 {
                try await LoopbackPort.free(1)[0]
            } else { configuration.payoutPort }
        let setup = ServiceSetup(
            configuration: configuration, state: directory, mailURL: sink.url, partnerURL: partner.url,
            partnerSecret: secret.revealed, payoutPort: port)
        let services = try await setup.services(executables, on: broker)
        let running = Running(
            state: directory, broker: broker, sink: sink, partner: partner,
            supervisor: ServiceSupervisor(services, grace: configuration.grace),
            payoutURL: "http://127.0.0.1:\(port)", pdfDirectory: setup.pdfDirectory)
        state.withLock { $0 = running }
        teardown.add { self.state.withLock { $0 = nil } }
        try await startControl(running, teardown)
        return try await attend(running, body)
    }

    /// Keeps the services running and their events flowing while `body` runs.
    private func attend<Result: Sendable>(
        _ running: Running, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let mails = running.sink.announcements()
        let calls = running.partner.arrivals()
        let services = running.supervisor.events()
        let deadLetters = try BrokerDeadLetters(
            url: running.broker.url, services: ReferenceService.all.filter { $0.queue != nil }.map(\.name),
            logger: logger)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                for await mail in mails { self.send(.mailReceived(mail)) }
                return nil
            }
            group.addTask {
                for await call in calls { self.send(.partnerCalled(call)) }
                return nil
            }
            group.addTask {
                for await event in services { self.report(event) }
                return nil
            }
            group.addTask {
                for await _ in self.brokerStarts {
                    if let status = await running.broker.waitForExit() { self.send(.brokerExited(status)) }
                }
                return nil
            }
            group.addTask {
                await deadLetters.run { self.send($0) }
                return nil
            }
            group.addTask {
                await running.supervisor.run()
                return nil
            }
            group.addTask {
                try await self.waitUntilReady(running)
                self.send(.ready(payoutURL: running.payoutURL))
                return try await body()
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    private func report(_ event: ServiceEvent) {
        switch event {
        case .started(let name, _), .exited(let name, _, _), .stopped(let name, _): forgetStatusURL(of: name)
        case .line, .startFailed: break
        }
        switch event {
        case .started(let name, let processID): send(.serviceStarted(name: name, processID: processID))
        case .exited(let name, let status, let wait): send(.serviceExited(name: name, status, restartIn: wait))
        case .startFailed(let name, let reason, let wait):
            send(.serviceStartFailed(name: name, reason: reason, restartIn: wait))
        case .stopped(let name, let status): send(.serviceStopped(name: name, status))
        case .line(let name, let text):
            let line = ServiceLogLine(text)
            send(.serviceLine(name: name, line))
            guard let meaning = line.event(service: name) else { return }
            if case .serviceStatus(_, let url) = meaning { statusURLs.withLock { $0[name] = url } }
            send(meaning)
        }
    }

    private func forgetStatusURL(of service: String) { statusURLs.withLock { $0[service] = nil } }
}
