/// In which order to try hosts: after a failure of one, the others come first.
struct HostRotation: Sendable {
    private(set) var hosts: [AMQPConfiguration.Host]

    init(_ hosts: [AMQPConfiguration.Host]) {
        self.hosts = hosts
    }

    /// The first host that answered refused the login; hosts are meant to share their users, but one may be wrong.
    mutating func refused() {
        hosts.append(hosts.removeFirst())
    }

    /// The connection to a host broke.
    mutating func failed(_ host: AMQPConfiguration.Host) {
        guard let index = hosts.firstIndex(of: host) else { return }
        hosts.append(hosts.remove(at: index))
    }
}
