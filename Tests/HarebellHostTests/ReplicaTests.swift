import AMQP
import Foundation
import Harebell
import HarebellRabbitMQ
import LoanEvents
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

/// A loan for the tests of processes.
func testLoan(_ number: Int) throws -> LoanPaidOut {
    LoanPaidOut(
        loanID: "L-\(number)", borrower: Borrower(name: "Borrower \(number)", email: "b@example.org"),
        amount: try Money(minorUnits: 100, currency: "SEK"), reference: "R-\(number)", occurredAt: Date())
}

/// The ids of what was published, collected by several tasks.
private final class Published: Sendable {
    private let state = Mutex<Set<String>>([])

    func insert(_ id: String) { state.withLock { _ = $0.insert(id) } }

    var ids: Set<String> { state.withLock { $0 } }
}

/// Runs replicas of the example subscriber as an operator does.
@Suite(.timeLimit(.minutes(3))) struct `Replicas as processes` {
    private static let count = 1_500

    @Test func `three replicas are restarted one after another under load: nothing is lost or put aside`() async throws
    {
        try await withTemporaryDirectory { folder in
            try await withVirtualHost { url in
                var all: [ExampleProcess] = []
                func start() throws -> ExampleProcess {
                    let place = folder + "/\(all.count)"
                    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
                    let process = try ExampleProcess(environment: ["HAREBELL_URL": url], in: place)
                    all.append(process)
                    return process
                }
                func handled() throws -> [String] { try all.flatMap { try $0.handledIDs } }
                var replicas = [try start(), try start(), try start()]
                try await eventually("three consumers", within: .seconds(60)) {
                    try await state(of: "example", url).consumers == 3
                }
                let published = Published()
                let transport = RabbitMQTransport(
                    configuration: try .init(uri: url), service: "payout", logger: quietLogger)
                var codes: [Int32] = []
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await transport.run() }
                    try await withThrowingTaskGroup(of: Void.self) { load in
                        for lane in 0..<4 {
                            load.addTask {
                                let publisher = Publisher(service: "payout", transport: transport)
                                for number in stride(from: lane, to: Self.count, by: 4) {
                                    let id = try await publisher.publish(testLoan(number))
                                    published.insert(id.rawValue)
                                }
                            }
                        }
                        for (index, replica) in replicas.enumerated() {
                            try await eventually("load", within: .seconds(60)) {
                                published.ids.count >= (index + 1) * Self.count / 5
                            }
                            replica.signal(SIGTERM)
                            codes.append(try await replica.exitCode())
                            replicas[index] = try start()
                        }
                        try await load.waitForAll()
                    }
                    tasks.cancelAll()
                }
                try await eventually("an empty queue", within: .seconds(60)) {
                    try await state(of: "example", url).messages == 0
                }
                let wanted = published.ids
                try await eventually("every event is handled", within: .seconds(60)) {
                    try wanted.isSubset(of: handled())
                }
                for replica in replicas {
                    replica.signal(SIGTERM)
                    codes.append(try await replica.exitCode())
                }
                let ids = try handled()
                let dead = try await state(of: "example.dead", url).messages
                let rest = try await state(of: "example", url).messages
                print(
                    "rolling restart of 3 replicas: published \(wanted.count), handled \(Set(ids).count),",
                    "duplicates \(ids.count - Set(ids).count), lost \(wanted.subtracting(ids).count), dead-lettered \(dead)"
                )
                #expect(codes == [0, 0, 0, 0, 0, 0])
                #expect(wanted.count == Self.count)
                #expect(Set(ids) == wanted)
                #expect(ids.count == wanted.count, "finished work came again")
                #expect(dead == 0 && rest == 0)
            }
        }
    }

    private func state(of queue: String, _ url: String) async throws -> (messages: Int, consumers: Int) {
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        do {
            let state = try await connection.openChannel().declareQueue(queue, passive: true)
            await connection.close()
            return (Int(state.messageCount), Int(state.consumerCount))
        } catch let error where error.replyCode == 404 {
            await connection.close()
            return (0, 0)
        }
    }
}

extension ExampleProcess {
    /// The ids of the events that it handled.
    fileprivate var handledIDs: [String] {
        get throws {
            try errors.split(separator: "\n").filter { $0.contains(" got ") }.compactMap {
                try JSONDecoder().decode([String: String].self, from: Data($0.utf8))["event_id"]
            }
        }
    }
}
