import Curl
public import Logging
import Metrics
public import ServiceLifecycle
import Synchronization

/// Sends ended spans to a collector by OTLP over HTTP, as binary protobuf.
///
/// Spans go out in batches, when one is full or ``OTLPSettings/delay`` has passed. A collector that is away or busy is
/// tried again with growing pauses, or after the time it asks for; meanwhile new spans wait in ``queue``, and what does not
/// fit there is dropped and counted (`harebell_traces_spans_dropped_total`). The application never waits for any of this,
/// and its shutdown for no longer than ``flushLimit``: what is under way then and what is left go out within it, all in
/// all, and what does not is counted as dropped, even when the collector has taken the connection and never answers.
public struct OTLPExporter: Service {
    /// Where a tracer puts its spans.
    public let queue: SpanQueue
    /// How long the shutdown may be held up.
    public let flushLimit: Duration
    /// How long it may be held up unless said otherwise.
    public static let defaultFlushLimit: Duration = .seconds(2)

    private let settings: OTLPSettings
    private let version: String
    private let logger: Logger
    private let exported = Counter(label: TracingMetric.exported)
    private let refused = Counter(label: TracingMetric.dropped, dimensions: [("reason", "refused")])
    private let unreachable = Counter(label: TracingMetric.dropped, dimensions: [("reason", "unreachable")])
    /// How often a batch is sent, all in all.
    private static let maximumTries = 6

    /// An exporter that sends nothing before it runs.
    public init(
        settings: OTLPSettings, version: String, logger: Logger, flushLimit: Duration = Self.defaultFlushLimit
    ) {
        self.flushLimit = flushLimit
        self.settings = settings
        self.version = version
        self.logger = logger
        queue = SpanQueue(limit: settings.queueLimit, batch: settings.batch)
    }

    /// Exports until graceful shutdown or cancellation, then what is left.
    public func run() async throws {
        let client = try CurlClient(
            configuration: CurlConfiguration(
                timeout: settings.timeout, certificateAuthorityFile: settings.certificateFile,
                userAgent: "harebell/\(version)", isTraced: false))
        logger.info("traces are exported", metadata: ["endpoint": "\(settings.endpoint)"])
        // From the moment of the shutdown on, so that what is under way then counts too.
        let limit = Mutex<ContinuousClock.Instant?>(nil)
        await cancelWhenGracefulShutdown {
            await withTaskCancellationHandler {
                await withDiscardingTaskGroup { group in
                    // Between two full batches, the clock says when it is time.
                    group.addTask {
                        while (try? await Task.sleep(for: settings.delay)) != nil { queue.wake() }
                    }
                    for await _ in queue.wakeUps {
                        while !Task.isCancelled, await exportBatch(client, until: nil) {}
                    }
                    group.cancelAll()
                }
            } onCancel: {
                limit.withLock { $0 = .now + flushLimit }
            }
        }
        let end = limit.withLock { $0 } ?? .now + flushLimit
        // The end must come in a cancelled task too, so it has one of its own; it is waited for right here.
        await Task {
            while ContinuousClock.now < end, await exportBatch(client, until: end) {}
            let left = queue.count
            if left > 0 {
                unreachable.increment(by: left)
                logger.warning("spans were not exported in time", metadata: ["spans": "\(left)"])
            }
            await client.shutdown()
        }.value
    }

    /// Sends one batch to its end; whether there may be more.
    private func exportBatch(_ client: CurlClient, until end: ContinuousClock.Instant?) async -> Bool {
        let spans = queue.take()
        guard !spans.isEmpty else { return false }
        let body = OTLPRequest.bytes(spans, resource: settings.resource, version: version)
        var pause: Duration = .seconds(1)
        tries: for attempt in 1...Self.maximumTries {
            let left = end.map { ContinuousClock.now.duration(to: $0) } ?? settings.timeout
            guard left > .milliseconds(10) else { break }
            switch await send(body, client, timeout: min(settings.timeout, left)) {
            case .taken(let rejected):
                exported.increment(by: max(0, spans.count - rejected))
                if rejected > 0 { refused.increment(by: rejected) }
                return true
            case .refused(let reason):
                refused.increment(by: spans.count)
                logger.warning("the collector refuses spans", metadata: ["reason": "\(reason)"])
                return true
            case .later(let reason, let after):
                let wait = after ?? pause * Double.random(in: 0.8...1.2)
                pause = min(pause * 2, .seconds(30))
                let isLast = attempt == Self.maximumTries || end.map { ContinuousClock.now + wait >= $0 } ?? false
                logger.log(
                    level: isLast ? .warning : .debug,
                    isLast ? "spans are given up" : "spans were not taken; they are sent again",
                    metadata: ["reason": "\(reason)", "spans": "\(spans.count)"])
                guard !isLast, (try? await Task.sleep(for: wait)) != nil else { break tries }
            }
            if Task.isCancelled { break }
        }
        // Cancelled in the middle of its repetitions: the flush gets it once more, if there is room.
        guard end == nil, Task.isCancelled else {
            unreachable.increment(by: spans.count)
            return true
        }
        for span in spans { queue.add(span) }
        return false
    }

    private enum Answer {
        case taken(rejected: Int)
        case refused(String)
        case later(String, Duration?)
    }

    private func send(_ body: [UInt8], _ client: CurlClient, timeout: Duration) async -> Answer {
        var fields: HTTPFields = [:]
        for (name, value) in settings.headers { fields.append(name, value) }
        fields["Content-Type"] = "application/x-protobuf"
        let request = HTTPRequest(
            method: "POST", url: settings.endpoint, fields: fields, body: body, timeout: timeout)
        // A shutdown does not cut off at once what is under way, or the collector would get it twice: it has a task of its
        // own, which is waited for right here, at most for its timeout or until the shutdown has no more time.
        let sending = Task { () async -> Result<HTTPResponse, CurlError> in
            do throws(CurlError) {
                return .success(try await client.send(request))
            } catch {
                return .failure(error)
            }
        }
        let cutOff = Mutex<Task<Void, Never>?>(nil)
        let result = await withTaskCancellationHandler {
            await sending.value
        } onCancel: {
            let task = Task {
                if (try? await Task.sleep(for: flushLimit)) != nil { sending.cancel() }
            }
            cutOff.withLock { $0 = task }
        }
        cutOff.withLock { $0 }?.cancel()
        let response: HTTPResponse
        switch result {
        case .success(let answer): response = answer
        case .failure(let error) where error.code == .cancelled:
            return .later("the shutdown has no more time for it", nil)
        case .failure(let error): return error.isRetriable ? .later("\(error)", nil) : .refused("\(error)")
        }
        switch response.status {
        case 200..<300: return .taken(rejected: OTLPResponse.rejectedSpans(response.body))
        case 429, 502, 503, 504:
            let after = response.fields["Retry-After"].flatMap { Int($0) }.flatMap {
                (0...3_600).contains($0) ? $0 : nil
            }
            return .later("status \(response.status)", after.map { .seconds($0) })
        default: return .refused("status \(response.status)")
        }
    }
}
