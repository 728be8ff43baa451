/// One lane per key: items of a key leave one after another in the order they came, other keys are not held up.
///
/// A lane exists only while something is in it. Waiting items are values in a queue; they cost no task. Items that are
/// collected in one batch run in their lane together: the next of its key comes when all of them have left.
struct Lanes<Item: Sendable>: Sendable {
    private struct Queue {
        var items: [Item] = []
        var head = 0
        /// How many run in the lane.
        var running: Int
        /// The batch that they are collected in.
        var batch: Int?

        var isEmpty: Bool { head == items.count }
        var first: Item? { isEmpty ? nil : items[head] }

        /// Whether the item may run beside those that do; otherwise it waits.
        mutating func enter(_ item: Item, batch wanted: Int?) -> Bool {
            if running == 0 || (wanted != nil && batch == wanted && isEmpty) {
                running += 1
                return true
            }
            items.append(item)
            return false
        }

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
    /// - Parameter batch: the batch that it would be collected in, which may be in the lane already.
    mutating func enter(_ item: Item, key: String, batch: Int? = nil) -> Bool {
        queues[key, default: Queue(running: 0, batch: batch)].enter(item, batch: batch)
    }

    /// An item that ran in the lane has ended: the next one, which runs now, if that was the last of its batch.
    mutating func leave(_ key: String) -> Item? {
        // Looked for once: it is done for each message.
        guard let index = queues.index(forKey: key) else { return nil }
        guard queues.values[index].running == 1 else {
            queues.values[index].running -= 1
            return nil
        }
        guard let next = queues.values[index].next() else {
            queues.remove(at: index)
            return nil
        }
        queues.values[index].batch = nil
        return next
    }

    /// The item that runs in the lane is collected in a batch.
    mutating func join(_ batch: Int, in key: String) { queues[key]?.batch = batch }

    /// The next item, if it is as asked for; it runs now beside those that do.
    mutating func follow(in key: String, where isWanted: (Item) -> Bool) -> Item? {
        guard let first = queues[key]?.first, isWanted(first) else { return nil }
        queues[key]?.running += 1
        return queues[key]?.next()
    }

    /// How many lanes there are.
    var count: Int { queues.count }
}
