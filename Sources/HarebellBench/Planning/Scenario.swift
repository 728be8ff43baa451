/// What one kind of queue costs a broker differs much.
enum QueueKind: String, Codable, CaseIterable, Sendable {
    /// Not durable, with transient messages.
    case classic
    /// Durable and replicated, with persistent messages.
    case quorum
}

/// What the clients talk to.
enum BrokerKind: String, Codable, CaseIterable, Sendable {
    /// A private RabbitMQ node, which shares the machine with the client.
    case rabbitmq
    /// Confirms and delivers without doing anything else, so that the client's own limit shows.
    case null
}

/// What is moved, and how.
enum Case: String, Codable, CaseIterable, Sendable {
    /// Publishing as fast as the window of missing confirms allows.
    case publishBatch = "publish-batch"
    /// 64 tasks, each of which awaits the confirm of every message.
    case publishTasks = "publish-tasks"
    /// The same tasks on the connection's thread, which they ask for.
    case publishLoop = "publish-loop"
    /// The same with a client that publishes again what a lost connection left unconfirmed.
    case publishClient = "publish-client"
    /// Consuming one after another, acknowledged as cheaply as the client can.
    case consumeBatch = "consume-batch"
    /// Consuming with a task for each delivery, which acknowledges it.
    case consumeTasks = "consume-tasks"
    /// The same, and each task decodes its event, with the worker's codec.
    case consumeDecoded = "consume-decoded"
    /// A worker whose handler gets the decoded event and returns.
    case handle
    /// The same, with a line of JSON in the log for each event.
    case handleLogged = "handle-logged"

    /// What `harebell-bench amqp` measures.
    static let ofAMQP: [Case] = [
        .publishBatch, .publishTasks, .publishLoop, .publishClient, .consumeBatch, .consumeTasks,
    ]
    /// What `harebell-bench worker` measures.
    static let ofWorker: [Case] = [.consumeBatch, .consumeTasks, .consumeDecoded, .handle, .handleLogged]

    var consumes: Bool {
        switch self {
        case .publishBatch, .publishTasks, .publishLoop, .publishClient: false
        case .consumeBatch, .consumeTasks, .consumeDecoded, .handle, .handleLogged: true
        }
    }
    /// Whether a framework calls a handler, instead of a loop that takes deliveries.
    var handles: Bool { self == .handle || self == .handleLogged }
    /// The case of the same direction that every client has: the C loop's.
    var batched: Case { consumes ? .consumeBatch : .publishBatch }
}

/// What the messages are.
enum Content: String, Codable, Sendable {
    /// Bytes that mean nothing.
    case zeros
    /// Events as Harebell's publisher writes them, in the work queue that a service's topology makes.
    case events
}

/// Whose code moves the messages.
enum Client: String, Codable, CaseIterable, Sendable {
    case c
    case harebell
    case pika
    case aioPika = "aio-pika"
    case faststream
    case celery
    case dramatiq

    /// Those that publish and consume.
    static let ofAMQP: [Client] = [.c, .harebell, .pika, .aioPika]
    /// Those that call handlers.
    static let ofWorker: [Client] = [.harebell, .faststream, .celery, .dramatiq]

    /// Whether it is not Python.
    var isNative: Bool { self == .c || self == .harebell }

    /// Clients without tasks have no tasks to measure, and frameworks only handle.
    func has(_ case: Case) -> Bool {
        switch self {
        case .harebell: true
        case .aioPika: Case.ofAMQP.contains(`case`) && `case` != .publishClient && `case` != .publishLoop
        case .c, .pika: Case.ofAMQP.contains(`case`) && `case` == `case`.batched
        case .faststream, .celery, .dramatiq: `case` == .handle
        }
    }
}

/// The circumstances under which clients are compared.
struct Scenario: Hashable, Sendable {
    var broker: BrokerKind = .rabbitmq
    var queue: QueueKind = .classic
    var bytes = 256
    /// How many confirms may be missing, and how many deliveries be unsettled.
    var window = 1000
    var tls = false
    /// How many consumers share the window, on one channel.
    var consumers = 1
    var content = Content.zeros

    /// What the frameworks are compared under.
    static let ofWorker = Scenario(queue: .quorum, window: 200, content: .events)

    /// The most bytes that may be under way; fewer large messages than the window says.
    static let bytesUnderWay = 64 << 20

    init(
        broker: BrokerKind = .rabbitmq, queue: QueueKind = .classic, bytes: Int = 256, window: Int = 1000,
        tls: Bool = false, consumers: Int = 1, content: Content = .zeros
    ) {
        self.broker = broker
        self.queue = queue
        self.bytes = bytes
        self.window = min(window, max(1, Self.bytesUnderWay / max(1, bytes)))
        self.tls = tls
        self.consumers = consumers
        self.content = content
    }

    /// The null broker has one kind of queue and speaks plain text.
    var isPossible: Bool { broker == .rabbitmq || (queue == .classic && !tls) }

    /// The scenario in one line.
    var title: String {
        let consumers = consumers == 1 ? "" : " · \(consumers) consumers"
        let queue = content == .events ? "work" : queue.rawValue
        let broker = broker == .null ? "null broker" : "rabbitmq · \(queue) queue"
        let content = content == .events ? "events of \(bytes) bytes" : "\(bytes) bytes"
        return "\(broker) · \(content) · window \(window) · \(tls ? "TLS" : "plain text")" + consumers
    }
}

/// One client doing one thing under some circumstances.
struct Contender: Hashable, Sendable {
    var scenario: Scenario
    var `case`: Case
    var client: Client
    /// How many messages one run moves.
    var messages: Int

    /// The contract has a limit for its system calls.
    var isJudgedByCalls: Bool { client == .harebell && scenario == Scenario() && `case` == `case`.batched }
}
