import NIOCore

/// A connection machine, the time, and the account of what it did to whom.
struct FuzzConnection: Sendable {
    struct Options: Sendable {
        var isSmallFrame = false
        var isSmallBody = false
    }

    /// What a run came to; the same however the bytes were cut.
    struct Outcome: Equatable {
        var end: FuzzAnswer?
        var answers: [FuzzAccount.Entry]
        /// By consumer: between consumers the order depends on the reads.
        var messages: [String: [Int]]
    }

    var machine: ConnectionMachine
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let account: FuzzAccount
    /// What those who wait had been told when the connection was ready for an input.
    var prepared: [FuzzAccount.Entry] = []
    private var sent: FuzzSentFrames
    private var messages: [String: [Int]] = [:]
    /// The streams of deliveries that were told their end; kept, so that no other takes the place of one.
    private var ended: [ObjectIdentifier: DeliveryQueue] = [:]
    private var finding: FuzzFinding?

    /// One that has just been connected.
    init(_ options: Options = Options()) {
        var configuration = AMQPConfiguration(hosts: [.init(name: "fuzz")])
        configuration.channelMax = 7
        if options.isSmallFrame { configuration.frameMax = CodecLimits.minimumFrameMax }
        if options.isSmallBody { configuration.maximumBodySize = 64 }
        sent = FuzzSentFrames(frameMax: Int(configuration.frameMax))
        account = FuzzAccount()
        machine = ConnectionMachine(
            configuration: configuration, openWaiter: account.waiter { FuzzAnswer($0) })
        // Inputs are short, and what comes in parts is to be among them.
        machine.smallestPartialBody = 16
        machine.connected()
        prepared = account.snapshot
    }

    /// The same with a clean account, for one run; runs of one connection follow one another.
    func begin() -> FuzzConnection {
        account.snapshot = prepared
        return self
    }

    // MARK: What happens to it

    mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        machine.receive(ByteBuffer(bytes: bytes), now: now)
        runEffects()
    }

    mutating func perform<R>(_ body: (inout ConnectionMachine) -> R) -> R {
        defer { runEffects() }
        return body(&machine)
    }

    mutating func advance(_ amount: TimeAmount) {
        now = now + amount
        perform { [now] in $0.tick(now: now) }
    }

    /// The socket takes what there is.
    mutating func write() {
        let parts = perform { $0.takeBytes(isWriting: false) }
        guard !parts.isEmpty else { return }
        let batch = parts.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1.bytes) }
        do throws(FuzzFinding) {
            try batch.withUnsafeReadableBytes { bytes in
                Result { () throws(FuzzFinding) in try sent.add(bytes) }
            }.get()
        } catch {
            note(error.description)
        }
        perform { [now] in $0.written(batch.readableBytes, now: now) }
    }

    private mutating func runEffects() {
        for effect in machine.out.takeEffects() {
            switch effect {
            // The queue of a consumer that was there before is shared by all runs; it is neither filled nor ended.
            case .deliver(let queue, let batch):
                if ended[ObjectIdentifier(queue)] != nil { note("a stream got deliveries after its end") }
                for message in batch { take(message) }
            case .finish(let queue, _):
                if ended.updateValue(queue, forKey: ObjectIdentifier(queue)) != nil {
                    note("a stream was told its end twice")
                }
            default: effect.run()
            }
        }
    }

    private mutating func note(_ what: String) {
        if finding == nil { finding = FuzzFinding(what) }
    }

    /// Looks at a delivery as a handler would, and settles it.
    private mutating func take(_ message: ReceivedMessage) {
        messages[message.info.consumerTag, default: []].append(message.fuzzHash)
        let delivered: Result<BasicProperties, AMQPError> = message.properties.withUnsafeBytes { bytes in
            Result { () throws(AMQPError) in try BasicProperties(encoded: bytes) }
        }
        if case .failure(let error) = delivered, error.code != .malformed {
            note("properties were refused with \(error)")
        }
        let limit = UInt64(machine.configuration.maximumBodySize)
        if message.bodySize > limit ? !message.body.isEmpty : message.isTruncated {
            note("\(message.body.count) bytes arrived of a body of \(message.bodySize)")
        }
        let tag = message.info.deliveryTag
        guard
            let channel = machine.channels.lazy.compactMap({ $0 }).first(where: {
                $0.consumers.contains { $0.tag == message.info.consumerTag }
            })
        else { return }
        let id = ChannelID(number: channel.number, epoch: channel.epoch)
        _ = machine.settle(tag, tag % 3 == 0 ? .nack(requeue: true) : .acknowledge, on: id)
        if machine.settle(tag, .acknowledge, on: id) { note("delivery \(tag) could be settled twice") }
    }

    // MARK: The end

    /// Time passes, then the socket breaks: by then whoever waits has been told, once.
    mutating func finish() throws(FuzzFinding) -> Outcome {
        var end: FuzzAnswer?
        if case .over(let error) = machine.phase { end = FuzzAnswer(error) }
        write()
        // One that has not begun is nobody's when its call fails.
        let streams = machine.channels.compactMap { $0?.consumers }.joined().filter(\.hasBegun).compactMap(\.queue)
        advance(.seconds(31))
        write()
        perform { $0.disconnected(nil) }
        write()
        if let finding { throw finding }
        let answers = account.snapshot
        for (index, entry) in answers.enumerated() where entry.count != 1 {
            throw FuzzFinding("waiter \(index) was told \(entry.count) times, first \(entry.answer)")
        }
        guard machine.isOver, machine.channels.allSatisfy({ $0 == nil }) else {
            throw FuzzFinding("the connection is not over after its socket broke")
        }
        guard streams.allSatisfy({ ended[ObjectIdentifier($0)] != nil }) else {
            throw FuzzFinding("a stream was not told its end")
        }
        return Outcome(end: end, answers: answers, messages: messages)
    }
}
