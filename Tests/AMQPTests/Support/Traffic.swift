import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// What publishers and a consumer did while something went wrong: every message has an id, and every id is counted.
final class Traffic: Sendable {
    private struct State {
        var publishers = 0
        var begun = 0
        var resolved = 0
        var confirmed: Set<String> = []
        var confirms: [ContinuousClock.Instant] = []
        /// Publishes that were nacked, each of which was repeated by its publisher.
        var nacked = 0
        var failures: [String] = []
        var handled: [String: Int] = [:]
        var deliveries: [ContinuousClock.Instant] = []
        var subscriptions: [Subscription] = []
        var consuming: RecoveringDeliveries?
        var isPaused = false
        var isStopped = false

        /// Counts one more publish, unless there is to be none now.
        mutating func begin() -> Bool {
            if !isPaused { begun += 1 }
            return !isPaused
        }

        mutating func note(_ id: String, _ error: AMQPError?, _ now: ContinuousClock.Instant) {
            resolved += 1
            switch error?.code {
            case nil:
                confirmed.insert(id)
                confirms.append(now)
            case .nacked: nacked += 1
            default: failures.append("\(id): \(error.map(\.description) ?? "-")")
            }
        }
    }

    /// A consumer tag and the channel it was seen on.
    private struct Subscription {
        let channel: AMQPChannel
        let tag: String
    }

    private let box = NIOLockedValueBox(State())
    private let clock = ContinuousClock()
    let exchange = uniqueName("exchange")
    let queue = uniqueName("queue")
    /// Deliveries that are settled too late, on purpose: when the channel they came on is gone.
    private let held = Recorder<Delivery>()
    private let staleSettles = Recorder<Bool>()

    var confirmedCount: Int { box.withLockedValue { $0.confirmed.count } }
    var handledCount: Int { box.withLockedValue { $0.handled.count } }
    /// How many publish at the moment.
    var publishers: Int { box.withLockedValue { $0.publishers } }
    var isStopped: Bool { box.withLockedValue { $0.isStopped } }

    func stop() {
        box.withLockedValue { $0.isStopped = true }
    }

    /// Lets nobody publish until ``resume()``.
    func pause() {
        box.withLockedValue { $0.isPaused = true }
    }

    func resume() {
        box.withLockedValue { $0.isPaused = false }
    }

    /// Whether the broker delivers at the moment.
    var isSubscribed: Bool { box.withLockedValue { $0.consuming }?.isSubscribed ?? false }

    /// Whether every publish has returned, and what was confirmed has been handled.
    var isQuiet: Bool { box.withLockedValue { $0.begun == $0.resolved } && allConfirmedWereHandled }

    /// Declares what the traffic needs; done at each connect, as a service would.
    func declare(on connection: AMQPConnection) async throws {
        let channel = try await connection.openChannel()
        try await channel.declareExchange(exchange, type: .fanout)
        try await channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
        try await channel.bindQueue(queue, to: exchange)
        await channel.close()
    }

    /// Publishes one message after the other until stopped; what is nacked is published again after a pause.
    func publish(_ name: String, by client: AMQPClient) async {
        box.withLockedValue { $0.publishers += 1 }
        defer { box.withLockedValue { $0.publishers -= 1 } }
        var index = 0
        while !isStopped, !Task.isCancelled {
            index += 1
            await publishOne("\(name)-\(index)", by: client)
        }
    }

    private func publishOne(_ id: String, by client: AMQPClient) async {
        while !Task.isCancelled {
            guard box.withLockedValue({ $0.begin() }) else {
                try? await Task.sleep(for: .milliseconds(10))
                continue
            }
            let error = await failure {
                try await client.publish(.test(exchange: exchange, id: id), deadline: .seconds(120))
            }
            box.withLockedValue { $0.note(id, error, clock.now) }
            guard error?.code == .nacked else { return }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Handles deliveries until they end; the first of each subscription is kept until its channel is gone.
    func consume(_ deliveries: RecoveringDeliveries) async throws {
        box.withLockedValue { $0.consuming = deliveries }
        for try await delivery in deliveries {
            guard let id = try delivery.properties().messageID else { continue }
            let isFirst = box.withLockedValue { state in
                state.handled[id, default: 0] += 1
                state.deliveries.append(clock.now)
                guard state.subscriptions.last?.channel !== delivery.channel else { return false }
                state.subscriptions.append(Subscription(channel: delivery.channel, tag: delivery.consumerTag))
                return true
            }
            if isFirst {
                for stale in held.values where !stale.isCurrent { staleSettles.record(stale.acknowledge()) }
                held.record(delivery)
            } else {
                delivery.acknowledge()
            }
        }
    }

    /// Settles what the last subscription still holds.
    func settleHeld() {
        held.values.last?.acknowledge()
    }

    /// The longest time without a confirm, and without a delivery, since an instant.
    func stalls(since start: ContinuousClock.Instant) -> (publishing: Duration, consuming: Duration) {
        func longest(_ instants: [ContinuousClock.Instant]) -> Duration {
            let later = [start] + instants.filter { $0 > start }.sorted()
            return zip(later, later.dropFirst()).map { $1 - $0 }.max() ?? .zero
        }
        return box.withLockedValue { (longest($0.confirms), longest($0.deliveries)) }
    }

    var allConfirmedWereHandled: Bool {
        box.withLockedValue { state in state.confirmed.allSatisfy { state.handled[$0] != nil } }
    }

    /// Checks what must hold after any fault, and prints the counts.
    func check(_ fault: String, since start: ContinuousClock.Instant) {
        let stalls = stalls(since: start)
        box.withLockedValue { state in
            let lost = state.confirmed.filter { state.handled[$0] == nil }
            let copies = state.handled.values.reduce(0, +)
            #expect(lost.isEmpty, "confirmed and never handled")
            #expect(state.begun == state.resolved, "a call to publish did not return")
            #expect(state.failures.isEmpty)
            #expect(Set(state.subscriptions.map(\.tag)).count == state.subscriptions.count, "a tag was used twice")
            #expect(!staleSettles.values.contains(true), "a delivery of an ended channel was settled")
            print(
                "\(fault): published \(state.begun), nacked \(state.nacked), confirmed \(state.confirmed.count),",
                "handled \(state.handled.count), duplicates \(copies - state.handled.count), lost \(lost.count),",
                "unresolved \(state.begun - state.resolved), subscriptions \(state.subscriptions.count),",
                "publishing stalled \(stalls.publishing.seconds) s, consuming \(stalls.consuming.seconds) s")
        }
    }
}
