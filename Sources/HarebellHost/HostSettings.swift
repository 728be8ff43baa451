import AMQP
import HarebellObservability
import Logging

/// The settings that every service has, read and checked.
struct HostSettings: Sendable {
    var connection = AMQPConfiguration(hosts: [AMQPConfiguration.Host(name: "localhost")])
    var declares = true
    var failsFast = false
    var prefetch = 20
    var gracePeriod: Duration = .seconds(30)
    var handlerTimeout: Duration = .seconds(60)
    var retryDelays: [Duration] = Self.defaultDelays
    var retryRungs: [Duration] = Self.defaultDelays
    var logLevel: Logger.Level = .info
    var logFormat: LogFormat?

    static let defaultDelays: [Duration] = [
        .seconds(1), .seconds(5), .seconds(30), .seconds(120), .seconds(600), .seconds(3_600),
    ]

    init() {}

    init(reading reader: inout SettingsReader) {
        self.init()
        connection = ConnectionSettings.read(&reader) ?? connection
        declares = reader.bool("declare", default: declares)
        failsFast = reader.bool("failFast", default: failsFast)
        prefetch = reader.int("prefetch", default: prefetch, in: 1...65_535)
        gracePeriod = reader.duration("gracePeriod", default: gracePeriod, in: .zero ... .seconds(3_600))
        // Brokers close a channel whose delivery stays unacknowledged for half an hour.
        handlerTimeout = reader.duration(
            "handlerTimeout", default: handlerTimeout, in: .milliseconds(1) ... .seconds(600))
        let delays = Duration.milliseconds(50) ... .seconds(7 * 86_400)
        retryDelays = reader.durations("retry.delays", default: retryDelays, in: delays)
        retryRungs = reader.durations("retry.rungs", default: retryRungs, in: delays)
        if retryRungs != retryRungs.sorted() || Set(retryRungs).count != retryRungs.count {
            reader.note("retry.rungs must rise: each delay once, the shortest first")
        }
        logLevel = reader.choice("log.level") ?? logLevel
        logFormat = reader.choice("log.format")
    }
}
