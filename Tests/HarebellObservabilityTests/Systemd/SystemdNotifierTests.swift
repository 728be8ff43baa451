import Foundation
import HarebellTesting
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import HarebellObservability

@Suite(.timeLimit(.minutes(1))) struct `Telling systemd` {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func addresses() -> [String] {
        let name = uniqueName("harebell-notify")
        return ["@" + name, FileManager.default.temporaryDirectory.appending(path: name).path]
    }

    private static func report(_ isOK: Bool) -> StatusReport {
        StatusReport([.init(name: "broker", state: "not connected", isOK: isOK)])
    }

    @Test func `it hears of the start, of progress, and of the end, at a path and in the abstract namespace`()
        async throws
    {
        for address in addresses() {
            let manager = try ServiceManager(address: address)
            defer { unlink(address) }
            let isStarted = Observed(false)
            let made = SystemdNotifier(
                environment: ["NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000", "WATCHDOG_PID": "\(getpid())"],
                live: { Self.report(true) }, started: { Self.report(isStarted.value) }, logger: quiet)
            let notifier = try #require(made)
            let group = ServiceGroup(services: [notifier], logger: quiet)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                var messages: [String] = []
                func hear(_ what: String) async throws {
                    try await eventually(what) {
                        while let message = manager.receive() { messages.append(message) }
                        return messages.contains { $0.hasPrefix(what) }
                    }
                }
                try await hear("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=starting: broker not connected")
                #expect(!messages.contains { $0.hasPrefix("READY") })
                isStarted.update { $0 = true }
                try await hear("READY=1\n")
                messages = []
                try await hear("WATCHDOG=1")
                await group.triggerGracefulShutdown()
                try await hear("STOPPING=1\n")
                try await tasks.waitForAll()
            }
        }
    }

    @Test func `a process that makes no progress stays silent`() async throws {
        let manager = try ServiceManager(address: addresses()[0])
        let asked = Observed(0)
        let made = SystemdNotifier(
            environment: ["NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"],
            live: {
                asked.update { $0 += 1 }
                return Self.report(false)
            }, started: { Self.report(true) }, logger: quiet)
        let notifier = try #require(made)
        let running = Task { try await notifier.run() }
        try await asked.wait { $0 >= 3 }
        running.cancel()
        try await running.value
        var messages: [String] = []
        while let message = manager.receive() { messages.append(message) }
        #expect(messages.contains { $0.hasPrefix("READY=1") })
        #expect(!messages.contains { $0.contains("WATCHDOG") })
    }

    @Test(arguments: [[:], ["NOTIFY_SOCKET": ""], ["NOTIFY_SOCKET": "relative"], ["NOTIFY_SOCKET": "vsock:2:1"]])
    func `without a manager that we understand nobody is told`(environment: [String: String]) {
        let notifier = SystemdNotifier(
            environment: environment, live: { Self.report(true) }, started: { Self.report(true) }, logger: quiet)
        #expect(notifier == nil)
    }

    @Test func `the watchdog of another process is not ours to feed`() async throws {
        let manager = try ServiceManager(address: addresses()[0])
        let made = SystemdNotifier(
            environment: ["NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"],
            live: {
                Issue.record("nobody has to be asked")
                return Self.report(true)
            }, started: { Self.report(true) }, logger: quiet)
        let notifier = try #require(made)
        let running = Task { try await notifier.run() }
        var message: String?
        try await eventually("READY") {
            message = manager.receive() ?? message
            return message?.hasPrefix("READY=1") == true
        }
        running.cancel()
        try await running.value
    }
}
