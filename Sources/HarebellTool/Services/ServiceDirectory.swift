import HarebellDevelopment
import HarebellOperations

/// Where services may be found on this machine, and how they are.
struct ServiceDirectory: Sendable {
    /// A process that should have a status port.
    struct Place: Sendable, Hashable {
        /// The service, if it is known before it is asked.
        var name: String?
        /// Its status port; nil when it has none.
        var address: String?
        /// Whether its process runs, as far as is known.
        var isRunning = true
    }

    let places: [Place]

    init(_ places: [Place]) {
        self.places = places
    }

    /// The places that addresses name; without any, those of a `harebell dev` that runs in this directory.
    ///
    /// - Throws: ``ToolError`` when there is neither.
    static func find(addresses: [String]) async throws -> ServiceDirectory {
        guard addresses.isEmpty else { return ServiceDirectory(addresses.map { Place(address: $0) }) }
        guard let development = try? DevelopmentControl() else {
            throw ToolError(
                "No status port is named, and no 'harebell dev' runs in this directory.",
                advice: "Start the service with HAREBELL_STATUS_PORT=9464, "
                    + "then pass --status-url http://127.0.0.1:9464.", exitCode: ExitStatus.usage)
        }
        return ServiceDirectory(
            try await development.status().services.map {
                Place(name: $0.name, address: $0.statusURL, isRunning: $0.processID != nil)
            })
    }

    /// Asks every place, all at once; the order stays.
    func rows() async throws -> [ServiceRow] {
        try await withThrowingTaskGroup(of: (Int, [ServiceRow]).self) { group in
            for (index, place) in places.enumerated() {
                group.addTask { (index, try await Self.rows(at: place)) }
            }
            var found: [Int: [ServiceRow]] = [:]
            for try await (index, rows) in group { found[index] = rows }
            return places.indices.flatMap { found[$0] ?? [] }
        }
    }

    /// The services at a place; one row without them when it has none or does not answer.
    ///
    /// - Throws: ``StatusPortError`` when the address can be none: that is a mistake of the command line.
    static func rows(at place: Place) async throws -> [ServiceRow] {
        guard place.isRunning else {
            return [
                ServiceRow(
                    name: place.name, state: "down", isReachable: false,
                    problem: "its process does not run; 'harebell dev' starts it again by itself")
            ]
        }
        guard let address = place.address else {
            return [
                ServiceRow(
                    name: place.name, state: "no status port", isReachable: false,
                    problem: "it has not said yet where its status port is")
            ]
        }
        let port = try StatusPort(url: address)
        do {
            let services = try await port.services()
            guard services.isEmpty else { return services.map { ServiceRow($0, at: port.url) } }
            return [
                ServiceRow(
                    name: place.name, state: "no worker", isReachable: true, address: port.url,
                    problem: "it takes no messages: there is nothing to control")
            ]
        } catch {
            return [
                ServiceRow(
                    name: place.name, state: "unreachable", isReachable: false, address: port.url,
                    problem: error.message)
            ]
        }
    }
}
