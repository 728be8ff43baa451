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

    /// The process has no service of that name.
    public struct NoSuchService: Error, CustomStringConvertible {
        /// Who was asked for, and who is here.
        public let description: String

        /// Says who was asked for, and who is here.
        public init(_ name: String, known: [String]) {
            description = "no service '\(name)' works in this process; it has \(known.joined(separator: ", "))"
        }
    }

    /// The metrics as text; the argument says whether OpenMetrics was asked for.
    public var metrics: @Sendable (PrometheusMetrics.Format) async -> String
    /// Whether the process makes progress.
    public var live: @Sendable () async -> StatusReport
    /// Whether it takes work now.
    public var ready: @Sendable () async -> StatusReport
    /// Whether it has begun to work.
    public var started: @Sendable () async -> StatusReport
    /// Does a command, for one service of the process or for all of them (nil), and says in a few words what they are
    /// doing then; throws ``NoSuchService``, or what else was wrong with it.
    public var control: (@Sendable (Command, _ service: String?) async throws -> String)?
    /// The services that ``control`` is about.
    public var services: @Sendable () async -> [ControlledService] = { [] }
    /// Whether the server can be reached from this machine only, so that whoever asks by another name is a trick.
    public var isLoopbackOnly = true

    /// Routes from what answers them.
    public init(
        metrics: @escaping @Sendable (PrometheusMetrics.Format) async -> String,
        live: @escaping @Sendable () async -> StatusReport, ready: @escaping @Sendable () async -> StatusReport,
        started: @escaping @Sendable () async -> StatusReport,
        control: (@Sendable (Command, _ service: String?) async throws -> String)? = nil
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
        if let path = ControlPath(request.path) { return await control(request, path) }
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

    private func control(_ request: StatusRequest, _ path: ControlPath) async -> StatusResponse {
        guard request.isLocal, request.isForThisMachine else {
            return .problem(403, "control is for this machine only, by the name 127.0.0.1, [::1] or localhost")
        }
        switch path.verb {
        case .list:
            return await reading(request) { ControlledService.response(await services()) }
        case .command(let verb):
            guard let control else { return .problem(404, "this process has nothing to control") }
            guard request.method == verb.method else {
                return .problem(405, "\(request.path) takes \(verb.method)", allow: verb.method)
            }
            guard let command = verb.command(body: request.body) else {
                return .problem(400, "the body must be a whole number from 1 to 65535")
            }
            do {
                let state = try await control(command, path.service)
                return StatusReport([.init(name: "worker", state: state, isOK: true)]).response
            } catch let error as NoSuchService {
                return .problem(404, error.description)
            } catch {
                return .problem(409, "\(error)")
            }
        }
    }
}
