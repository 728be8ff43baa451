import Synchronization

/// Progress of a long run on standard error: a bar on a terminal, a line every five seconds elsewhere.
final class Progress: Sendable {
    private struct State {
        var done = 0
        var lastShown: ContinuousClock.Instant?
    }

    private let verb: String
    private let total: Int
    private let isTerminal: Bool
    private let started: ContinuousClock.Instant
    private let state = Mutex(State())

    init(_ verb: String, total: Int, isTerminal: Bool = Terminal.isErrorTerminal) {
        self.verb = verb
        self.total = total
        self.isTerminal = isTerminal
        started = .now
    }

    /// Counts `count` more and shows them when it is time.
    func advance(by count: Int = 1) {
        let line: String? = state.withLock { state in
            state.done += count
            let now = ContinuousClock.now
            let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
            let due = state.lastShown.map { $0.duration(to: now) >= interval }
            let isShown = due ?? (isTerminal || started.duration(to: now) >= interval)
            guard isShown || (isTerminal && state.done == total) else { return nil }
            state.lastShown = now
            return Self.line(verb, done: state.done, total: total, elapsed: started.duration(to: now))
        }
        guard let line else { return }
        if isTerminal { Terminal.rewrite(line) } else { Terminal.note(line) }
    }

    /// Ends the bar's line.
    func finish() {
        let wasShown = state.withLock { $0.lastShown != nil }
        if isTerminal, wasShown { Terminal.note("") }
    }

    /// `replay  64/118 ██████████▌          54%  50/s  ETA 1s`.
    static func line(_ verb: String, done: Int, total: Int, elapsed: Duration) -> String {
        let width = 20
        let fraction = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let full = Int(fraction * Double(width))
        let bar = String(repeating: "█", count: full) + String(repeating: " ", count: width - full)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let rate = seconds > 0 ? Double(done) / seconds : 0
        var line = "\(verb)  \(done)/\(total) \(bar) \(Int(fraction * 100))%"
        if rate > 0 {
            line += "  \(Units.tenths(rate))/s"
            if done < total { line += "  ETA \(Int((Double(total - done) / rate).rounded(.up)))s" }
        }
        return line
    }
}

/// Progress whose total becomes known with the first step.
final class ProgressBox: Sendable {
    private let progress = Mutex<(bar: Progress, done: Int)?>(nil)

    /// Shows that `done` of `total` are done.
    func show(verb: String, done: Int, total: Int) {
        progress.withLock { current in
            let bar = current?.bar ?? Progress(verb, total: total)
            bar.advance(by: done - (current?.done ?? 0))
            current = (bar, done)
        }
    }

    /// Ends the bar's line.
    func finish() {
        progress.withLock { $0?.bar.finish() }
    }
}
