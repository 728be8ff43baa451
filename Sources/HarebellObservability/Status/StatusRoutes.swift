/// What the status server can be asked, and what answers.
///
/// Nothing that it answers is secret, but what changes the process is only for this machine, and never for a page in a
/// browser that happens to run on it.
public struct StatusRoutes: Sendable {
    /// A command to the process.
    public enum Command: Sendable, Hashable {
        /// Take no more messages until ``resume``.
        case pause
        /// Take messages again.
        case resume
        /// Finish what is in hand and take no more.
        case drain
        /// Have so many messages in hand at a time.
        case prefetch(Int)
    }

    /// The metrics as text; the argument says whether OpenMetrics was asked for.
    public var metrics: @Sendable (PrometheusMetrics.Format) async -> String
    /// Whether the process makes progress.
    public var live: @Sendable () async -> StatusReport
    /// Whether it takes work now.
    public var ready: @Sendable () async -> StatusReport
    /// Whether it has begun to work.
    public var started: @Sendable () async -> StatusReport
    /// Does a command and says in a few words what the process is doing then; throws what was wrong with it.
    public var control: (@Sendable (Command) async throws -> String)?
    /// Whether the server can be reached from this machine only, so that whoever asks by another name is a trick.
    public var isLoopbackOnly = true

    /// Routes from what answers them.
    public init(
        metrics: @escaping @Sendable (PrometheusMetrics.Format) async -> String,
        live: @escaping @Sendable () async -> StatusReport, ready: @escaping @Sendable () async -> StatusReport,
        started: @escaping @Sendable () async -> StatusReport,
        control: (@Sendable (Command) async throws -> String)? = nil
    ) {
        self.metrics = metrics
        self.live = live
        self.ready = ready
        self.started = started
        self.control = control
    }

    func answer(_ request: StatusRequest) async -> StatusResponse {
        if request.isFromPage { return .problem(403, "not for pages in a browser") }
        if isLoopbackOnly, !request.isForThisMachine {
            return .problem(403, "ask for 127.0.0.1, [::1] or localhost")
        }
        switch request.path {
        case "/metrics":
            return await reading(request) {
                let format: PrometheusMetrics.Format =
                    request["accept"]?.contains("application/openmetrics-text") == true ? .openMetrics : .text
                return StatusResponse(status: 200, contentType: format.contentType, body: await metrics(format))
            }
        case "/livez": return await reading(request) { await live().response }
        case "/readyz": return await reading(request) { await ready().response }
        case "/startupz": return await reading(request) { await started().response }
        case "/control/pause": return await control(request, "POST") { .pause }
        case "/control/resume": return await control(request, "POST") { .resume }
        case "/control/drain": return await control(request, "POST") { .drain }
        case "/control/prefetch":
            return await control(request, "PUT") {
                let text = String(decoding: request.body, as: UTF8.self)
                return Int(text.filter { !$0.isWhitespace }).flatMap { (1...65_535).contains($0) ? .prefetch($0) : nil }
            }
        default:
            return .problem(404, "there are /metrics, /livez, /readyz, /startupz and /control/…")
        }
    }

    private func reading(
        _ request: StatusRequest, _ answer: () async -> StatusResponse
    ) async -> StatusResponse {
        guard request.method == "GET" || request.method == "HEAD" else {
            return .problem(405, "\(request.path) is read by GET", allow: "GET, HEAD")
        }
        return await answer()
    }

    private func control(
        _ request: StatusRequest, _ method: String, _ command: () -> Command?
    ) async -> StatusResponse {
        guard let control else { return .problem(404, "this process has nothing to control") }
        guard request.isLocal, request.isForThisMachine else {
            return .problem(403, "control is for this machine only, by the name 127.0.0.1, [::1] or localhost")
        }
        guard request.method == method else {
            return .problem(405, "\(request.path) takes \(method)", allow: method)
        }
        guard let command = command() else {
            return .problem(400, "the body must be a whole number from 1 to 65535")
        }
        do {
            return StatusReport([.init(name: "worker", state: try await control(command), isOK: true)]).response
        } catch {
            return .problem(409, "\(error)")
        }
    }
}
