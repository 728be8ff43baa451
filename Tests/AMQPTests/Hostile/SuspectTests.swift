import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// A channel error that names no message makes suspects of all; what happens to one of them is nothing to the others.
@Suite(.timeLimit(.minutes(2))) struct `Suspects of a channel error` {
    /// Refuses the channel at its third publish, then leaves the first message without an answer.
    private static func script() -> Reaction.Script {
        let hasRefused = NIOLockedValueBox(false)
        return Reaction.wellBehaved(until: .publish) { call in
            hasRefused.withLockedValue { hasRefused in
                if hasRefused { return call.exchange == "m1" ? .nothing : Reaction.wellBehaved(call) }
                guard call.publishNumber == 3 else { return .nothing }
                hasRefused = true
                return .send(BrokerBytes.close(406, "PRECONDITION_FAILED - odd", on: call.channel))
            }
        }
    }

    /// Three publishes of which the first is alone on its second channel; returns the outcomes.
    private func outcomes(
        firstDeadline: Duration, _ whileFirstIsAlone: (Task<AMQPError?, Never>) async throws -> Void
    ) async throws -> [AMQPError?] {
        try await withScriptedBroker(reacting: Self.script()) { broker, configuration in
            try await withClient(configuration) { client in
                func published() -> Int {
                    broker.received.values.filter { $0.classID == 60 && $0.methodID == 40 }.count
                }
                var tasks: [Task<AMQPError?, Never>] = []
                for number in 1...3 {
                    let deadline = number == 1 ? firstDeadline : .seconds(60)
                    let message = OutgoingMessage.test(exchange: "m\(number)")
                    tasks.append(Task { await failure { try await client.publish(message, deadline: deadline) } })
                    try await eventually("publish \(number) came") { published() == number }
                }
                try await eventually("the first came again") { published() == 4 }
                try await whileFirstIsAlone(tasks[0])
                var outcomes: [AMQPError?] = []
                for task in tasks { outcomes.append(await task.value) }
                return outcomes
            }
        }
    }

    @Test func `one is given up by a task that is itself cancelled`() async throws {
        let outcomes = try await outcomes(firstDeadline: .seconds(60)) { first in
            let canceller = Task {
                while !Task.isCancelled { await Task.yield() }
                // What follows from it runs here, where Task.isCancelled is true.
                first.cancel()
            }
            canceller.cancel()
            await canceller.value
        }
        #expect(outcomes.map { $0?.code } == [.cancelled, nil, nil])
    }

    @Test(arguments: 1...3) func `one is late`(run: Int) async throws {
        let outcomes = try await outcomes(firstDeadline: .seconds(5)) { _ in }
        #expect(outcomes.map { $0?.code } == [.timedOut, nil, nil])
    }
}
