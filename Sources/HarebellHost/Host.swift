import AMQP
public import Configuration
public import Harebell
import HarebellObservability
public import HarebellRabbitMQ
public import Logging
import Metrics
import Tracing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a service finds ready when it starts: settings, a logger, and the way to run until a signal.
public struct Host: Sendable {
    /// The service's name.
    public let service: ServiceName
    /// The logger of the service.
    public let logger: Logger
    /// Where settings come from.
    public let sources: SettingsSources
    /// The settings as a reader of swift-configuration; ``read(_:)`` reports problems better.
    public var configuration: ConfigReader { sources.reader }

    /// The connections to the broker; ``run(_:)-([Service])`` runs them.
    public let transport: RabbitMQTransport

    let settings: HostSettings
    /// What `/metrics` shows; nil without a status port.
    let metrics: PrometheusMetrics?
    let environment: [String: String]
    /// Sends the traces away, where an endpoint is set; made by ``bootstrap()``.
    private(set) var exporter: OTLPExporter?
    private let makeHandler: @Sendable (String) -> LineLogHandler

    /// Reads and checks the settings that every service has.
    ///
    /// - Throws: ``SettingsProblems``
    init(
        service: ServiceName, options: HostOptions, flags: [String: String?] = [:], environment: [String: String],
        output: LogOutput = .standardError
    ) async throws {
        let all = options.flags.merging(flags) { host, _ in host }
        let sources = try await SettingsSources(flags: all, environment: environment, file: options.broker.file)
        let settings = try sources.read { reader in
            var settings = HostSettings(reading: &reader)
            settings.connection.connectionName = settings.connection.connectionName ?? Self.connectionName(of: service)
            do {
                settings.tracing = try OTLPSettings(
                    environment: environment, service: service.rawValue, version: HarebellVersion.current)
            } catch let error as OTLPSettings.Problems {
                for problem in error.problems { reader.note(problem) }
            }
            return settings
        }
        let colours = TerminalColours.areWanted(environment: environment, isTerminal: output.isTerminal)
        let format = settings.logFormat ?? (output.isTerminal ? .pretty : .json)
        let makeHandler: @Sendable (String) -> LineLogHandler = { label in
            LineLogHandler(
                label: label, format: format, level: settings.logLevel, colours: colours, output: output,
                metadataProvider: settings.tracing == nil ? nil : .currentSpan)
        }
        self.service = service
        self.sources = sources
        self.settings = settings
        self.makeHandler = makeHandler
        self.environment = environment
        self.metrics = settings.status.port.map { _ in Self.prometheus() }
        let logger = Logger(label: service.rawValue) { makeHandler($0) }
        self.logger = logger
        self.transport = RabbitMQTransport(
            configuration: settings.connection,
            topology: TopologyOptions(declares: settings.declares, rungs: settings.retryRungs),
            service: service, version: HarebellVersion.current, logger: logger)
    }

    /// Reads settings of the service, collecting every problem into one report that ends the process with 64.
    public func read<Value>(_ body: (inout SettingsReader) throws -> Value) throws -> Value {
        try sources.read(body)
    }

    /// What the broker's tools show: the service, the machine and the process.
    private static func connectionName(of service: ServiceName) -> String {
        let process = ProcessInfo.processInfo
        return "\(service) \(process.hostName):\(process.processIdentifier)"
    }

    private static func prometheus() -> PrometheusMetrics {
        PrometheusMetrics(
            buckets: [MetricName.criticalTime: .longTimes, MetricName.processingTime: .longTimes],
            descriptions: MetricName.descriptions.merging(TracingMetric.descriptions) { own, _ in own })
    }

    /// Makes loggers that libraries create for themselves look like ours, and lets `/metrics` show what they count; once
    /// per process.
    mutating func bootstrap() {
        let makeHandler = makeHandler
        LoggingSystem.bootstrap { makeHandler($0) }
        if let metrics { MetricsSystem.bootstrap(metrics) }
        // After the metrics, for the exporter counts what it sends.
        guard let tracing = settings.tracing else { return }
        let exporter = OTLPExporter(
            settings: tracing, version: HarebellVersion.current, logger: logger,
            flushLimit: min(OTLPExporter.defaultFlushLimit, settings.gracePeriod))
        InstrumentationSystem.bootstrap(HarebellTracer(sampler: tracing.sampler, queue: exporter.queue))
        self.exporter = exporter
    }
}
