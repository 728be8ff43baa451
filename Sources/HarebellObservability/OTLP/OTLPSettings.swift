#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where traces go, from OpenTelemetry's own environment variables.
///
/// Nothing is exported unless an endpoint is set. Neither description nor reflection shows the headers, which hold
/// credentials.
public struct OTLPSettings: Sendable, CustomStringConvertible, CustomReflectable {
    /// The whole URL that traces are posted to.
    public var endpoint: String
    let headers: [(String, String)]
    /// How long one export may take.
    public var timeout: Duration
    /// Certificates to trust instead of the system's, in PEM.
    public var certificateFile: String?
    /// What describes the process.
    public var resource: [(String, String)]
    /// Which traces are recorded.
    public var sampler: Sampler
    /// How many spans wait at most.
    public var queueLimit: Int
    /// How many are exported at a time.
    public var batch: Int
    /// How long a span waits for others.
    public var delay: Duration

    /// The endpoint.
    public var description: String { "traces to \(endpoint) with \(headers.count) headers" }
    /// Nothing but the endpoint.
    public var customMirror: Mirror { Mirror(self, children: ["endpoint": endpoint]) }

    /// Everything that is wrong with the variables; values are not repeated.
    public struct Problems: Error, Sendable {
        /// One sentence per problem.
        public let problems: [String]
    }

    /// Reads the environment; nil when no endpoint is set, or tracing is switched off.
    ///
    /// - Parameters:
    ///   - environment: of the process.
    ///   - service: what `OTEL_SERVICE_NAME` replaces.
    ///   - version: of the service.
    /// - Throws: ``Problems``.
    public init?(environment: [String: String], service: String, version: String) throws {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func either(_ name: String) -> String? {
            variable("OTEL_EXPORTER_OTLP_TRACES_\(name)") ?? variable("OTEL_EXPORTER_OTLP_\(name)")
        }
        let own = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        guard variable("OTEL_SDK_DISABLED")?.lowercased() != "true", variable("OTEL_TRACES_EXPORTER") != "none",
            let given = own ?? variable("OTEL_EXPORTER_OTLP_ENDPOINT")
        else { return nil }
        var problems: [String] = []
        if !given.hasPrefix("http://"), !given.hasPrefix("https://") {
            problems.append("OTEL_EXPORTER_OTLP_ENDPOINT must begin with http:// or https://")
        }
        if given.contains("@") {
            problems.append("OTEL_EXPORTER_OTLP_ENDPOINT holds a user: put credentials into OTEL_EXPORTER_OTLP_HEADERS")
        }
        if let kind = either("PROTOCOL"), kind != "http/protobuf" {
            problems.append("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, the only one that is spoken here")
        }
        let base = given.hasSuffix("/") ? String(given.dropLast()) : given
        endpoint = own ?? "\(base)/v1/traces"
        func list(_ name: String, _ value: String?) -> [(String, String)] {
            guard let value else { return [] }
            if let pairs = Self.pairs(value) { return pairs }
            problems.append("\(name) must look like name=value,name=value")
            return []
        }
        headers = list("OTEL_EXPORTER_OTLP_HEADERS", either("HEADERS"))
        func number(_ name: String, _ value: String?, default fallback: Int, in range: ClosedRange<Int>) -> Int {
            guard let value else { return fallback }
            if let number = Int(value), range.contains(number) { return number }
            problems.append("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return fallback
        }
        timeout = .milliseconds(
            number("OTEL_EXPORTER_OTLP_TIMEOUT", either("TIMEOUT"), default: 10_000, in: 1...600_000))
        func batching(_ name: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
            number("OTEL_BSP_\(name)", variable("OTEL_BSP_\(name)"), default: fallback, in: range)
        }
        queueLimit = batching("MAX_QUEUE_SIZE", default: 2_048, in: 1...1_000_000)
        batch = min(queueLimit, batching("MAX_EXPORT_BATCH_SIZE", default: 512, in: 1...100_000))
        delay = .milliseconds(batching("SCHEDULE_DELAY", default: 5_000, in: 1...3_600_000))
        certificateFile = either("CERTIFICATE")
        if let certificateFile, !FileManager.default.isReadableFile(atPath: certificateFile) {
            problems.append(
                "OTEL_EXPORTER_OTLP_CERTIFICATE names \(String(reflecting: certificateFile)), which cannot be read")
        }
        let sampler = variable("OTEL_TRACES_SAMPLER").map { name in
            Sampler(name: name, argument: variable("OTEL_TRACES_SAMPLER_ARG"))
        }
        if sampler == .some(nil) {
            problems.append(
                "OTEL_TRACES_SAMPLER must be one of always_on, always_off, traceidratio and the same with "
                    + "parentbased_ before it, and OTEL_TRACES_SAMPLER_ARG a number from 0 to 1")
        }
        self.sampler = (sampler ?? .standard) ?? .standard
        let described = list("OTEL_RESOURCE_ATTRIBUTES", variable("OTEL_RESOURCE_ATTRIBUTES"))
        let process = ProcessInfo.processInfo
        var resource: [String: String] = [
            "service.name": service, "service.version": version,
            "service.instance.id": "\(process.hostName):\(process.processIdentifier)", "host.name": process.hostName,
            "process.pid": "\(process.processIdentifier)", "telemetry.sdk.name": "harebell",
            "telemetry.sdk.language": "swift", "telemetry.sdk.version": version,
        ]
        for (key, value) in described { resource[key] = value }
        if let name = variable("OTEL_SERVICE_NAME") { resource["service.name"] = name }
        self.resource = resource.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        guard problems.isEmpty else { throw Problems(problems: problems) }
    }

    /// `name=value,name=value`, with values percent-encoded; nil when it is not that.
    private static func pairs(_ text: String) -> [(String, String)]? {
        var pairs: [(String, String)] = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, let value = decoded(trimmed(sides[1])) else { return nil }
            let name = trimmed(sides[0])
            guard !name.isEmpty, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0 == " " || $0 == "\t" }
        return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }

    private static func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Substring(text)
        while let character = rest.popFirst() {
            guard character == "%" else {
                bytes += Array(String(character).utf8)
                continue
            }
            guard rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
