import CSpawn
import Harebell
import HarebellRabbitMQ
import LoanEvents

/// A service of the reference system as a process: which executable it is, and what its broker user may do.
struct ReferenceService: Sendable {
    /// What it consumes and publishes.
    let endpoint: EndpointDescription
    let executable: String

    static let all = [
        ReferenceService(endpoint: LoanServices.payout, executable: "payout-service"),
        ReferenceService(endpoint: LoanServices.email, executable: "email-worker"),
        ReferenceService(endpoint: LoanServices.pdf, executable: "pdf-worker"),
        ReferenceService(endpoint: LoanServices.partner, executable: "partner-worker"),
    ]

    var name: ServiceName { endpoint.service }

    /// Its work queue, if it has one.
    var queue: String? { endpoint.subscribes.isEmpty ? nil : ServiceQueues(service: name).work }

    /// The least its user may do, declaring included.
    var permissions: BrokerPermissions { BrokerPermissions(declaring: endpoint) }

    /// What must exist for it.
    var topology: Topology { Topology(endpoint) }

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
