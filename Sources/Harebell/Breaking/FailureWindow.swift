/// How many calls of late have succeeded and failed, to a tenth of the window.
struct FailureWindow: Sendable {
    private struct Slice {
        let index: Int
        var calls = 0
        var failures = 0
    }

    private let slice: Duration
    private var slices: [Slice] = []

    init(_ window: Duration) {
        slice = max(window / 10, .nanoseconds(1))
    }

    var calls: Int { slices.reduce(0) { $0 + $1.calls } }
    var failures: Int { slices.reduce(0) { $0 + $1.failures } }

    mutating func note(isFailure: Bool, at now: Duration) {
        let index = Int(now / slice)
        slices.removeAll { $0.index <= index - 10 }
        if slices.last?.index != index { slices.append(Slice(index: index)) }
        slices[slices.count - 1].calls += 1
        if isFailure { slices[slices.count - 1].failures += 1 }
    }

    mutating func forget() { slices = [] }
}
