public import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A swift-log handler that writes each statement as one line of text.
public struct LineLogHandler: LogHandler {
    /// What the format prints as `logger`.
    public let label: String
    /// The least bad level that is written.
    public var logLevel: Logger.Level
    /// Fields of every statement of this logger.
    public var metadata: Logger.Metadata = [:]
    /// Gives fields of the task that logs, such as the trace.
    public var metadataProvider: Logger.MetadataProvider?

    private let format: LogFormat
    private let colours: Bool
    private let output: LogOutput

    /// Creates a handler.
    public init(
        label: String, format: LogFormat, level: Logger.Level = .info, colours: Bool = false,
        output: LogOutput = .standardError, metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.format = format
        self.logLevel = level
        self.colours = colours
        self.output = output
        self.metadataProvider = metadataProvider
    }

    /// Reads or writes one field of every statement.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one statement.
    ///
    /// The statement's own metadata wins over the provider's, which wins over the logger's.
    public func log(event: LogEvent) {
        var merged = metadata
        if let metadataProvider { merged.add(metadataProvider.get()) }
        if let own = event.metadata { merged.add(own) }
        let line = LogLine(
            time: Date(), level: event.level, logger: label, message: event.message.description, metadata: merged,
            error: event.error)
        output.write(line.text(format, colours: colours))
    }
}

extension Logger.Metadata {
    /// Adds others, which win.
    fileprivate mutating func add(_ others: Logger.Metadata) {
        guard !isEmpty else {
            self = others
            return
        }
        merge(others) { _, other in other }
    }
}
