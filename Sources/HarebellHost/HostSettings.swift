import AMQP
import HarebellObservability
import HarebellRabbitMQ
import Logging

/// The settings that every service has, read and checked.
struct HostSettings: Sendable {
    var connection = AMQPConfiguration(hosts: [AMQPConfiguration.Host(name: "localhost")])
    var declares = true
    var failsFast = false
    var prefetch = 20
    var limits = LimitSettings()
    var gracePeriod: Duration = .seconds(30)
    var handlerTimeout: Duration = .seconds(60)
    var retryDelays: [Duration] = RetryRungs.default.delays
    var retryRungs: RetryRungs = .default
    var logLevel: Logger.Level = .info
    var logFormat: LogFormat?
    var status = StatusSettings()
    var tracing: OTLPSettings?

    init() {}

    init(reading reader: inout SettingsReader) {
        self.init()
        connection = ConnectionSettings.read(&reader) ?? connection
        declares = reader.bool("declare", default: declares)
        failsFast = reader.bool("failFast", default: failsFast)
        prefetch = reader.int("prefetch", default: prefetch, in: 1...65_535)
        limits = LimitSettings(reading: &reader, prefetch: prefetch)
        gracePeriod = reader.duration("gracePeriod", default: gracePeriod, in: .zero ... .seconds(3_600))
        // Brokers close a channel whose delivery stays unacknowledged for half an hour.
        handlerTimeout = reader.duration(
            "handlerTimeout", default: handlerTimeout, in: .milliseconds(1) ... .seconds(600))
        retryDelays = reader.durations("retry.delays", default: retryDelays, in: RetrySettings.delays)
        retryRungs = RetrySettings.rungs(&reader)
        logLevel = reader.choice("log.level") ?? logLevel
        logFormat = reader.choice("log.format")
        status = StatusSettings(reading: &reader)
    }
}
