import Foundation
import Harebell
import HarebellRabbitMQ
import HarebellTesting
import TestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A worker's process dies while messages wait for their time.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DelayExitTests {
    private static let count = 300

    @Test func `the worker is killed while hundreds wait: none is lost and none is early`() async throws {
        try await withTemporaryDirectory { directory in
            try await withVirtualHost { url in
                let delayed = Delayed.various(Self.count, upTo: 2_500)
                try await withSystem(url) { system in
                    // Makes the queue, and leaves.
                    system.worker("email") { Subscription(to: Delayed.self) { _, _ in } }
                } body: { system in
                    await system.stop()
                }
                try await withSystem(url) { _ in
                } body: { system in
                    for event in delayed { try await system.publisher("payout").publish(event) }
                }
                await #expect(processExitsWith: .signal(SIGKILL)) {
                    [url = url as String, directory = directory as String] in
                    try await Self.work(url, directory, deadAt: Self.count / 2)
                }
                let account = Observed(DelayAccount())
                let (failed, ended) = (TimeLog(directory + "/failed").dates, TimeLog(directory + "/ended").dates)
                try await withSystem(url, prefetch: 50) { system in
                    system.worker("email") {
                        Subscription(to: Delayed.self) { event, context in
                            try account.update { try $0.handle(event, context.attempt) }
                        }
                    }
                } body: { _ in
                    try await account.wait(within: .seconds(60)) { account in
                        Set(account.came.keys).union(ended.keys).count == Self.count
                    }
                }
                var found = account.value
                for (number, date) in failed { found.failed(number, due: date) }
                for (number, date) in ended { found.came[number, default: []].append(date) }
                print(found.summary("the worker killed after \(failed.count) had failed", published: Self.count))
                #expect(found.came.count == Self.count)
                #expect(found.lateness.values.allSatisfy { $0 >= 0 })
            }
        }
    }

    /// Handles messages, and dies in the midst of it.
    private static func work(_ url: String, _ directory: String, deadAt death: Int) async throws {
        let begun = Observed(0)
        try await withSystem(url, prefetch: 20) { system in
            system.worker("email") {
                Subscription(to: Delayed.self) { event, context in
                    if begun.update({
                        $0 += 1; return $0
                    }) == death {
                        kill(getpid(), SIGKILL)
                    }
                    guard context.attempt == 1 else {
                        return TimeLog(directory + "/ended").add(event.number, Date())
                    }
                    let delay = Double(event.milliseconds) / 1_000
                    TimeLog(directory + "/failed").add(event.number, Date().addingTimeInterval(delay))
                    throw TransientError("later", retryAfter: .milliseconds(event.milliseconds))
                }
            }
        } body: { _ in
            try await begun.wait(within: .seconds(60)) { $0 > death }
        }
    }
}

/// Numbers and times, one line each: what a process writes before it dies stays.
private struct TimeLog: Sendable {
    private let path: String

    init(_ path: String) {
        self.path = path
    }

    func add(_ number: Int, _ date: Date) {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(file) }
        let line = Array("\(number) \(date.timeIntervalSince1970)\n".utf8)
        _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }

    var dates: [Int: Date] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").reduce(into: [:]) { dates, line in
            let parts = line.split(separator: " ")
            guard parts.count == 2, let number = Int(parts[0]), let seconds = Double(parts[1]) else { return }
            dates[number] = Date(timeIntervalSince1970: seconds)
        }
    }
}
