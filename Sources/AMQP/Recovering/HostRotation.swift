/// In which order to try hosts: after a failure of one, the others come first.
struct HostRotation: Sendable {
    private(set) var hosts: [AMQPConfiguration.Host]

    init(_ hosts: [AMQPConfiguration.Host]) {
        self.hosts = hosts
    }

    /// A host refused the login, took it and no more, or its connection broke.
    mutating func failed(_ host: AMQPConfiguration.Host) {
        guard let index = hosts.firstIndex(of: host) else { return }
        hosts.append(hosts.remove(at: index))
    }
}
