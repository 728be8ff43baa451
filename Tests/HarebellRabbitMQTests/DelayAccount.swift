import Foundation
import Harebell

/// Fails at first, and asks to be tried again after its delay.
struct Delayed: Event {
    static let eventType: EventType = "test.delayed"
    let number: Int
    let milliseconds: Int

    static func various(_ count: Int, upTo longest: Int) -> [Delayed] {
        var random = SplitMix(seed: 3)
        return (0..<count).map { Delayed(number: $0, milliseconds: Int.random(in: 50...longest, using: &random)) }
    }
}

/// When each was due, and when it came.
struct DelayAccount: Sendable {
    /// From when on each may come.
    ///
    /// One whose first attempt was not settled in a crash fails once more, with a second time: then there may be two
    /// copies, and the first to come is not early.
    var due: [Int: Date] = [:]
    /// When each must have come: after its last failure.
    var lastDue: [Int: Date] = [:]
    var came: [Int: [Date]] = [:]

    mutating func handle(_ event: Delayed, _ attempt: Int) throws {
        let now = Date()
        guard attempt == 1 else { return came[event.number, default: []].append(now) }
        failed(event.number, due: now.addingTimeInterval(Double(event.milliseconds) / 1_000))
        throw TransientError("later", retryAfter: .milliseconds(event.milliseconds))
    }

    mutating func failed(_ number: Int, due date: Date) {
        due[number] = min(due[number] ?? date, date)
        lastDue[number] = max(lastDue[number] ?? date, date)
    }

    /// How late each came, in seconds; a negative one was early.
    var lateness: [Int: Double] {
        came.reduce(into: [:]) { lateness, entry in
            guard let due = due[entry.key], let first = entry.value.min() else { return }
            lateness[entry.key] = first.timeIntervalSince(due)
        }
    }

    func summary(_ name: String, published: Int) -> String {
        let late = lateness.values.sorted()
        func ms(_ seconds: Double?) -> String { seconds.map { "\(Int(($0 * 1_000).rounded())) ms" } ?? "-" }
        return "delays, \(name): published \(published), handled \(came.count),"
            + " duplicates \(came.values.reduce(0) { $0 + $1.count - 1 }), lost \(published - came.count),"
            + " early \(late.count { $0 < 0 }), late: median \(ms(late.isEmpty ? nil : late[late.count / 2])), latest \(ms(late.last))"
    }
}
