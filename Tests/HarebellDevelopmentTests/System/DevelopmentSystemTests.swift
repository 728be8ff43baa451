import AMQP
import TestSupport
import Testing

@testable import HarebellDevelopment

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The system around services that do nothing: programs that sleep take the place of the real ones.
@Suite struct DevelopmentSystemTests {
    /// Executables with the services' names that print their environment and sleep.
    private static func makeServices(in directory: String) throws -> String {
        let folder = directory + "/bin"
        #expect(mkdir(folder, 0o700) == 0)
        for service in ReferenceService.all {
            let path = folder + "/" + service.executable
            let file = try #require(fopen(path, "w"))
            fputs("#!/bin/sh\necho \"url $HAREBELL_URL\"\nexec sleep 600\n", file)
            fclose(file)
            #expect(chmod(path, 0o700) == 0)
        }
        return folder
    }

    private static func configuration(_ directory: String) throws -> DevelopmentConfiguration {
        var configuration = DevelopmentConfiguration(directory: directory + "/dev")
        configuration.executables = try makeServices(in: directory)
        configuration.grace = .milliseconds(500)
        return configuration
    }

    @Test(.timeLimit(.minutes(2)))
    func `a system is reached from elsewhere, has least rights, and leaves nothing behind`() async throws {
        try await withTemporaryDirectory { directory in
            let configuration = try Self.configuration(directory)
            let system = DevelopmentSystem(configuration, logger: quietLogger)
            let events = system.events()
            let running = Task { try await system.run {} }
            var urls: [String: String] = [:]
            for await event in events {
                if case .serviceLine(let name, let line) = event, line.text.hasPrefix("url ") {
                    urls[name] = String(line.text.dropFirst(4))
                }
                if urls.count == 4 { break }
            }
            #expect(Set(urls.keys) == ["payout", "email", "pdf", "partner"])

            let broker = try system.broker
            let services = try system.supervisor
            let pids =
                services.services.compactMap { services.processID(of: $0) } + [
                    try #require(broker.processID), broker.epmdProcessID,
                ]
            #expect(pids.count == 6)
            try await Self.expectOnlyOwner(configuration.directory)
            try await Self.expectLeastRights(try #require(urls["email"]))

            let second = DevelopmentSystem(configuration, logger: quietLogger)
            let refused = await #expect(throws: DevelopmentError.self) { try await second.run {} }
            #expect(refused?.code == .alreadyRunning)
            #expect(refused?.message.contains("\(getpid())") == true)

            let control = try DevelopmentControl(directory: configuration.directory)
            try await control.setPartner(.fail(for: .seconds(20)))
            #expect(try system.partner.behavior == .fail(for: .seconds(20)))
            try await control.signal(SIGKILL, to: "pdf")
            try await control.killBroker()
            for await event in events {
                if case .brokerExited(let status) = event {
                    #expect(status == .signaled(SIGKILL))
                    break
                }
            }
            #expect(try await control.status().isBrokerRunning == false)
            try await control.startBroker()
            let status = try await control.status()
            #expect(status.isBrokerRunning)
            #expect(status.services.map(\.name) == services.services)

            let after = services.services.compactMap { services.processID(of: $0) } + [broker.processID ?? 0]
            running.cancel()
            _ = await running.result
            for pid in pids + after {
                try await eventually("the end of \(pid)") { ProcessTable.members(ofSession: pid).isEmpty }
            }
            let gone = #expect(throws: DevelopmentError.self) {
                try DevelopmentControl(directory: configuration.directory)
            }
            #expect(gone?.code == .notRunning)
            await #expect(throws: DevelopmentError.self) { try await control.status() }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a system that is stopped as soon as its queues are declared has all of them when it starts again`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let configuration = try Self.configuration(directory)
            for isFirst in [true, false] {
                let system = DevelopmentSystem(configuration, logger: quietLogger)
                let events = system.events()
                let running = Task { try await system.run {} }
                for await event in events {
                    if case .serviceStarted = event { break }
                }
                if !isFirst {
                    let broker = try system.broker
                    try await eventually("every queue is served by a leader", within: .seconds(20)) {
                        try await broker.leaderlessQueues().isEmpty
                    }
                    #expect(try await broker.queues().count > 20)
                }
                running.cancel()
                _ = await running.result
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a missing executable is said before anything is started`() async throws {
        try await withTemporaryDirectory { directory in
            var configuration = try Self.configuration(directory)
            configuration.executables = directory
            let system = DevelopmentSystem(configuration, logger: quietLogger)
            let error = await #expect(throws: DevelopmentError.self) { try await system.run {} }
            #expect(error?.code == .notInstalled)
            #expect(error?.message.contains("swift build --product payout-service") == true)
            #expect(access(configuration.directory + "/broker", F_OK) != 0)
        }
    }

    @Test func `a reset removes what earlier runs kept, and nothing else`() async throws {
        try await withTemporaryDirectory { directory in
            let state = try StateDirectory(directory)
            defer { state.close() }
            let kept = ["notes.txt", "lock"]
            let removed = ["broker", "mail", "pdf", "payout.sqlite", "payout.sqlite-wal"]
            for name in removed + kept where access(state.folder(name), F_OK) != 0 {
                #expect(creat(state.folder(name), 0o600) >= 0)
            }
            try state.removeData()
            for name in removed { #expect(access(state.folder(name), F_OK) != 0, "\(name)") }
            for name in kept { #expect(access(state.folder(name), F_OK) == 0, "\(name)") }
        }
    }

    @Test func `commands survive their way to the running system`() throws {
        for behavior in [
            PartnerBehavior.ok, .fail(for: nil), .fail(for: .seconds(20)), .retryAfter(.milliseconds(1500)), .reject,
            .hang,
        ] {
            guard case .partner(let kind, let milliseconds) = ControlCommand(behavior) else {
                Issue.record("not a partner command")
                continue
            }
            #expect(ControlCommand.behavior(kind: kind, milliseconds: milliseconds) == behavior)
        }
        #expect(ControlCommand.behavior(kind: "dance", milliseconds: nil) == nil)
        #expect(ControlCommand.behavior(kind: "retry-after", milliseconds: nil) == nil)
    }

    private static func expectOnlyOwner(_ directory: String) async throws {
        for (path, mode) in [(directory, 0o700), (directory + "/control.json", 0o600), (directory + "/lock", 0o600)] {
            try await eventually("\(path)") { permissions(path) == mode }
        }
    }

    /// The e-mail worker's user may read its own queue and neither touch another's nor write to the default exchange.
    private static func expectLeastRights(_ url: String) async throws {
        let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
        let own = try await connection.openChannel()
        _ = try await own.get("email")
        let other = try await connection.openChannel()
        await #expect(throws: AMQPError.self) { _ = try await other.get("pdf") }
        let writing = try await connection.openChannel(confirms: true)
        await #expect(throws: AMQPError.self) {
            try await writing.publish(
                OutgoingMessage(exchange: "", routingKey: "pdf", properties: BasicProperties(), body: [1]))
        }
        await connection.close()
    }
}
