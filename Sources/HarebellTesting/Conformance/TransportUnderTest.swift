public import Harebell

/// A transport, and what the conformance suite must be able to see and do behind its back.
///
/// Whoever writes a transport conforms a value to this and runs every scenario of ``ConformanceScenario/all`` on one of
/// its own: a scenario begins with an empty broker. Counting and breaking may go any way there is (a management API, a
/// second client); only what is asked of `Transport` itself is under test.
public protocol TransportUnderTest: Sendable {
    /// The transport.
    associatedtype Subject: Transport

    /// The clock by which retries become due.
    var clock: WorkerClock { get }
    /// Whether time passes only in ``elapse(_:)``: then nothing may happen early, to the last digit.
    var isClockManual: Bool { get }
    /// The delay that the scenarios' retries wait: long enough to be told from none.
    var delay: Duration { get }
    /// How long (in real time) something may take that has to happen.
    var patience: Duration { get }

    /// One more client of the same broker, as another process would be one; the scenario runs it.
    func makeTransport() async throws -> Subject
    /// Lets time pass.
    func elapse(_ duration: Duration) async throws

    /// What lies in a service's queues; deliveries in a consumer's hands need not be counted.
    func depth(of service: ServiceName) async throws -> TransportDepth
    /// A service's dead letters, oldest first, without taking them away.
    func deadLetters(of service: ServiceName) async throws -> [StoredDeadLetter]
    /// Puts a service's dead letters back, as an operator would.
    func replayDeadLetters(of service: ServiceName) async throws
    /// The ids of the events that nobody had subscribed to.
    func unrouted() async throws -> [EventID]
    /// Puts something into a service's queue that is no event.
    func putMalformed(to service: ServiceName) async throws

    /// Ends the connections of all clients without a word; they may connect again.
    func loseConnections() async throws
    /// Makes it impossible to store retries and dead letters of a service.
    ///
    /// A transport may mend that by itself, by making again what was deleted.
    func preventStoring(of service: ServiceName) async throws
    /// Makes it possible again.
    func allowStoring(of service: ServiceName) async throws
}

/// What lies in a service's queues.
public struct TransportDepth: Sendable, Hashable, CustomStringConvertible {
    /// Waiting to be delivered.
    public var ready: Int
    /// Waiting for a retry.
    public var waiting: Int
    /// Put aside.
    public var dead: Int

    /// Nothing anywhere, unless numbers are given.
    public init(ready: Int = 0, waiting: Int = 0, dead: Int = 0) {
        self.ready = ready
        self.waiting = waiting
        self.dead = dead
    }

    /// All numbers.
    public var description: String { "\(ready) ready, \(waiting) waiting, \(dead) dead" }
}
