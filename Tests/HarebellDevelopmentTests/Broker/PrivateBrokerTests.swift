import AMQP
import HarebellDevelopment
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import HarebellDevelopment

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

@Suite struct PrivateBrokerTests {
    @Test(.timeLimit(.minutes(2)))
    func `two nodes run side by side and stopping one leaves nothing of it behind`() async throws {
        try await withPrivateBroker { first in
            let (directory, pids) = try await withPrivateBroker(management: false) { second in
                #expect(first.port != second.port)
                #expect(first.password != second.password)
                #expect(second.managementURL == nil)
                let node = try #require(second.processID)
                #expect(ProcessTable.isAlive(node))
                return (second.directory, [node, second.epmdProcessID])
            }
            for pid in pids {
                try await eventually("the end of session \(pid)") { ProcessTable.members(ofSession: pid).isEmpty }
            }
            #expect(access(directory, F_OK) != 0)
            #expect(first.isRunning)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a killed node comes back on the same port with its users and virtual hosts`() async throws {
        try await withPrivateBroker { broker in
            try await broker.addVirtualHost("orders/2")
            try await broker.addUser(
                "email", password: "p@ss/word", virtualHost: "orders/2", configure: "^$", write: "^email$", read: "^$")
            let (port, before) = (broker.port, broker.processID)
            broker.kill()
            #expect(await broker.waitForExit() == .signaled(SIGKILL))
            #expect(!broker.isRunning)
            try await broker.restart()
            #expect(broker.port == port)
            #expect(broker.processID != before)
            #expect(try await broker.queues(in: "orders/2").isEmpty)
            await broker.stop()
            await #expect(throws: DevelopmentError.self) { try await broker.restart() }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a node that is stopped in order and started again keeps durable queues and persistent messages`() async throws
    {
        try await withTemporaryDirectory { directory in
            let first = try await PrivateBroker.start(in: directory, management: false, logger: quietLogger)
            let before = try await AMQPConnection.connect(AMQPConfiguration(uri: first.url), logger: quietLogger)
            let channel = try await before.openChannel(confirms: true)
            var properties = BasicProperties()
            properties.deliveryMode = 2
            for queue in ["quorum", "classic"] {
                _ = try await channel.declareQueue(queue, arguments: ["x-queue-type": .string(queue)])
                for number in 0..<20 as Range<UInt8> {
                    try await channel.publish(
                        OutgoingMessage(exchange: "", routingKey: queue, properties: properties, body: [number]))
                }
            }
            await before.close()
            await first.stop(grace: .seconds(30))

            let second = try await PrivateBroker.start(in: directory, management: false, logger: quietLogger)
            #expect(second.password == first.password)
            let after = try await AMQPConnection.connect(AMQPConfiguration(uri: second.url), logger: quietLogger)
            for queue in ["quorum", "classic"] {
                let reading = try await after.openChannel()
                #expect(try await reading.declareQueue(queue, passive: true).messageCount == 20)
                for number in 0..<20 as Range<UInt8> {
                    #expect(try await reading.get(queue)?.body == [number], "\(queue)")
                }
            }
            await after.close()
            await second.stop()
        }
    }

    @Test func `a missing rabbitmq-server is an error that says how to install it`() {
        let error = #expect(throws: DevelopmentError.self) {
            try BrokerInstallation.locate(environment: [:], packaged: [])
        }
        #expect(error?.code == .notInstalled)
        #expect(error?.message.contains("install") == true)
        #expect(error?.message.contains("rabbitmq") == true)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a node that cannot start shows the last lines of its log`() async throws {
        try await withTemporaryDirectory { directory in
            let layout = BrokerLayout(directory: directory, ports: try await .free(), management: false)
            #expect(layout.lastLines() == "")
            // A file where the node wants its data.
            #expect(creat(directory + "/data", 0o600) >= 0)
            let error = await #expect(throws: DevelopmentError.self) {
                try await PrivateBroker.start(in: directory, management: false, logger: quietLogger)
            }
            #expect(error?.code == .startFailed)
            #expect(error?.message.contains("last lines of its log:\n") == true)
            #expect((error?.message.split(separator: "\n").count ?? 0) > 2)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `secrets are in files for the owner only and in no argument list`() async throws {
        let broker = try await TestBroker.shared()
        for file in ["credentials", "rabbitmq.conf"] {
            #expect(permissions(broker.directory + "/" + file) == 0o600)
        }
        let pid = try #require(broker.processID)
        let arguments = try #require(fopen("/proc/\(pid)/cmdline", "r"))
        defer { fclose(arguments) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, arguments)
        #expect(!String(decoding: bytes.prefix(count), as: UTF8.self).contains(broker.password))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a virtual host per test is there while it runs and gone afterwards`() async throws {
        let name = try await withVirtualHost { host, url in
            #expect(url.hasSuffix("/" + host.name))
            let depths = try await host.broker.queueDepths(in: host.name)
            #expect(depths == [:])
            return host.name
        }
        let broker = try await TestBroker.shared()
        await #expect(throws: DevelopmentError.self) { try await broker.queues(in: name) }
    }
}

@Suite struct PrivateBrokerExitTests {
    @Test(.timeLimit(.minutes(2)))
    func `kill -9 of the process that holds a node ends node and port mapper and removes their files`() async throws {
        let result = await #expect(
            processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]
        ) {
            let directory = try TemporaryDirectory.make(prefix: "harebell-lifeline")
            let broker = try await PrivateBroker.start(in: directory, management: false, logger: quietLogger)
            print("held \(directory) \(broker.processID ?? 0) \(broker.epmdProcessID)")
            fflush(nil)
            kill(getpid(), SIGKILL)
        }
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("held ") }).split(separator: " ")
        let (directory, pids) = (String(line[1]), line[2...].compactMap { Int32($0) })
        #expect(pids.count == 2)
        for pid in pids {
            try await eventually("the end of process \(pid)") { ProcessTable.members(ofSession: pid).isEmpty }
        }
        try await eventually("the directory's removal") { access(directory, F_OK) != 0 }
    }
}
