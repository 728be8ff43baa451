/// One lane per key: items of a key leave one after another in the order they came, other keys are not held up.
///
/// A lane exists only while something is in it. Waiting items are values in a queue; they cost no task.
struct Lanes<Item: Sendable>: Sendable {
    private struct Queue {
        var items: [Item] = []
        var head = 0

        mutating func next() -> Item? {
            guard head < items.count else { return nil }
            defer {
                head += 1
                if head == items.count {
                    items.removeAll(keepingCapacity: true)
                    head = 0
                }
            }
            return items[head]
        }
    }

    private var queues: [String: Queue] = [:]

    /// Whether the item may run now; otherwise it waits in its lane.
    mutating func enter(_ item: Item, key: String) -> Bool {
        guard queues[key] != nil else {
            queues[key] = Queue()
            return true
        }
        queues[key]?.items.append(item)
        return false
    }

    /// The running item of the lane has ended: the next one, which runs now.
    mutating func leave(_ key: String) -> Item? {
        guard let next = queues[key]?.next() else {
            queues[key] = nil
            return nil
        }
        return next
    }

    /// How many lanes there are.
    var count: Int { queues.count }
}
