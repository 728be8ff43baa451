import HarebellTesting
import Logging

/// Keeps log lines for tests.
struct LogRecorder: Sendable {
    struct Line: Sendable {
        let level: Logger.Level
        let message: String
        let metadata: [String: String]
    }

    let lines = Observed<[Line]>([])

    var logger: Logger {
        Logger(label: "recorded") { _ in Handler(lines: lines) }
    }

    func lines(outcome: String) -> [Line] { lines.value.filter { $0.metadata["outcome"] == outcome } }

    private struct Handler: LogHandler {
        let lines: Observed<[Line]>
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            lines.update { lines in
                lines.append(
                    Line(
                        level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" }))
            }
        }
    }
}
