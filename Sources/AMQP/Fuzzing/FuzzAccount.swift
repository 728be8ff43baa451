import NIOConcurrencyHelpers

/// What those who wait were told, by their number, in one run at a time.
final class FuzzAccount: Sendable {
    /// What one was told first, and how often anything.
    struct Entry: Sendable, Equatable {
        var count = 0
        var answer = FuzzAnswer()
    }

    private let entries = NIOLockedValueBox<[Entry]>([])

    /// Another one that waits.
    func waiter<Value: Sendable>(_ answer: @escaping @Sendable (Value) -> FuzzAnswer) -> Waiter<Value> {
        let note = recorder(answer)
        return .closure { note($0) }
    }

    func recorder<Value: Sendable>(
        _ answer: @escaping @Sendable (Value) -> FuzzAnswer
    ) -> @Sendable (Value) -> Void {
        let index = entries.withLockedValue { entries in
            entries.append(Entry())
            return entries.count - 1
        }
        return { value in
            self.entries.withLockedValue { entries in
                entries[index].count += 1
                if entries[index].count == 1 { entries[index].answer = answer(value) }
            }
        }
    }

    var snapshot: [Entry] {
        get { entries.withLockedValue { $0 } }
        set { entries.withLockedValue { $0 = newValue } }
    }
}

/// An outcome in a form that costs nothing to keep and can be compared.
struct FuzzAnswer: Sendable, Equatable {
    var code: AMQPError.Code?
    var replyCode: UInt16?
    var message: String?
    /// The hash of what came with a success.
    var value = 0

    init(_ error: AMQPError? = nil) {
        code = error?.code
        replyCode = error?.replyCode
        message = error?.message
    }

    init(_ result: Result<Void, AMQPError>) {
        if case .failure(let error) = result { self.init(error) } else { self.init() }
    }

    init(_ result: Result<Reply, AMQPError>) {
        switch result {
        case .failure(let error): self.init(error)
        case .success(.done): self.init()
        case .success(.queue(let state)):
            self.init()
            value = state.hashValue
        case .success(.count(let count)):
            self.init()
            value = count.hashValue
        case .success(.tag(let tag)):
            self.init()
            value = tag.hashValue
        case .success(.message(let message)):
            self.init()
            value = message?.fuzzHash ?? 0
        }
    }
}

extension ReceivedMessage {
    /// Tells messages apart within a process.
    var fuzzHash: Int {
        var hasher = Hasher()
        hasher.combine(info.consumerTag)
        hasher.combine(info.deliveryTag)
        hasher.combine(info.isRedelivered)
        hasher.combine(info.exchange)
        hasher.combine(info.routingKey)
        hasher.combine(properties)
        hasher.combine(body)
        hasher.combine(bodySize)
        return hasher.finalize()
    }
}
