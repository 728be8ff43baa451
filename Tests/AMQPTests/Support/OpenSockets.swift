import Foundation

/// How many sockets this process holds that are connected, or connecting, to a port of loopback; `nil` where the system
/// does not tell.
///
/// Other tests of the process open and close sockets meanwhile, so descriptors are counted by where they lead.
func openSockets(to port: Int) -> Int? {
    guard let table = lines(of: "/proc/self/net/tcp"), let own = ownSockets() else { return nil }
    let remote = String(format: "0100007F:%04X", port)
    return table.count { line in
        let fields = line.split(separator: " ")
        return fields.count > 9 && fields[2] == remote && own.contains(String(fields[9]))
    }
}

/// The inodes of the sockets among the process's descriptors.
private func ownSockets() -> Set<String>? {
    let folder = "/proc/self/fd"
    guard let descriptors = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return nil }
    let targets = descriptors.compactMap {
        // One that was closed since it was listed leads nowhere.
        try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
    }
    return Set(targets.filter { $0.hasPrefix("socket:[") }.map { String($0.dropFirst(8).dropLast()) })
}

/// The lines of a file of /proc; such a file has no size and comes in pieces.
func lines(of file: String) -> [Substring]? {
    let bytes = try? FileHandle(forReadingAtPath: file)?.readToEnd()
    return bytes.map { String(decoding: $0, as: UTF8.self).split(separator: "\n") }
}
