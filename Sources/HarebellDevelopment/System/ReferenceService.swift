import CSpawn
import Harebell
import HarebellRabbitMQ

/// A service of the reference system: what it is called, what it consumes and publishes, and what it must be told.
struct ReferenceService: Sendable {
    let name: ServiceName
    let executable: String
    let subscribes: [EventType]
    let publishes: [EventType]

    private static let created: EventType = "loan.created"
    private static let paidOut: EventType = "loan.paid-out"
    private static let canceled: EventType = "loan.canceled"

    static let all = [
        ReferenceService(
            name: "payout", executable: "payout-service", subscribes: [], publishes: [created, paidOut, canceled]),
        ReferenceService(
            name: "email", executable: "email-worker", subscribes: [paidOut, canceled], publishes: []),
        ReferenceService(name: "pdf", executable: "pdf-worker", subscribes: [paidOut], publishes: []),
        ReferenceService(
            name: "partner", executable: "partner-worker", subscribes: [created, paidOut, canceled], publishes: []),
    ]

    /// Its work queue, if it has one.
    var queue: String? { subscribes.isEmpty ? nil : ServiceQueues(service: name).work }

    /// The least its user may do, declaring included.
    var permissions: BrokerPermissions {
        BrokerPermissions(
            declaring: EndpointDescription(service: name, subscribes: subscribes, publishes: publishes, prefetch: 1))
    }

    /// What must exist for it.
    var topology: Topology {
        subscribes.isEmpty
            ? Topology.events(publishes)
            : Topology.service(name, subscribes: subscribes, publishes: publishes)
    }

    /// Finds the executable in a folder.
    func path(in folder: String) throws(DevelopmentError) -> String {
        let path = folder + "/" + executable
        guard cspawn_is_executable(path) != 0 else {
            throw DevelopmentError(
                .notInstalled,
                "\(executable) is not in \(folder). Build it with:\n  swift build --product \(executable)")
        }
        return path
    }
}

/// The folder of this program's executable, in which the package's other programs are too.
func ownFolder() -> String {
    var path = [CChar](repeating: 0, count: 4096)
    guard unsafe cspawn_own_path(&path, path.count) == 0 else { return "." }
    let text = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.lastIndex(of: "/").map { String(text[..<$0]) } ?? "."
}
