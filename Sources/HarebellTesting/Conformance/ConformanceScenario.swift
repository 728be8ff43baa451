import ServiceLifecycle

/// One named thing that every transport must do, with an expectation that can fail.
///
/// The names in ``resembles`` are those of scenarios by which other systems test their transports: Watermill's
/// `pubsub/tests`, NServiceBus.TransportTests and its acceptance tests, Wolverine's compliance suites, MassTransit's and
/// the RabbitMQ clients' tests.
///
/// ```swift
/// @Test(arguments: ConformanceScenario<MyTransportUnderTest>.all)
/// func `the transport conforms`(scenario: ConformanceScenario<MyTransportUnderTest>) async throws {
///     try await scenario.run(on: MyTransportUnderTest())
/// }
/// ```
public struct ConformanceScenario<Subject: TransportUnderTest>: Sendable, CustomStringConvertible {
    typealias Bench = ConformanceBench<Subject>

    /// What the transport must do.
    public let name: String
    /// The scenarios of other systems that it stands for, like `Watermill.ResendOnError`.
    public let resembles: [String]
    private let body: @Sendable (Bench) async throws -> Void

    init(_ name: String, like resembles: String..., body: @escaping @Sendable (Bench) async throws -> Void) {
        self.name = name
        self.resembles = resembles
        self.body = body
    }

    /// What the transport must do.
    public var description: String { name }

    /// Every scenario.
    public static var all: [Self] {
        publishing + subscribing + settling + retrying + failing + batching + deadLettering + stopping + recovering
    }

    /// Runs it on a broker that is empty.
    /// - Throws: ``ConformanceFailure`` when the transport does not do it; otherwise what the transport throws.
    public func run(on subject: Subject) async throws {
        let transport = try await subject.makeTransport()
        let bench = Bench(subject: subject, transport: transport, scenario: name)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await transport.run()
                return false
            }
            group.addTask {
                // What a transport never ends is ended here.
                try await Task.sleep(for: subject.patience * 2)
                throw bench.failure("no end within \(subject.patience * 2)")
            }
            group.addTask {
                try await body(bench)
                return true
            }
            defer { group.cancelAll() }
            while let isOver = try await group.next(), !isOver {}
        }
    }
}

/// A transport did not do what a scenario expects.
public struct ConformanceFailure: Error, Sendable, CustomStringConvertible {
    /// The scenario.
    public let scenario: String
    /// What was expected, and what happened instead.
    public let message: String

    /// Both.
    public var description: String { "\"\(scenario)\": \(message)" }
}
