import Foundation

/// pika and aio-pika: which are there, and the scripts that use them.
struct PythonClients: Sendable {
    private let interpreter: String
    private let directory: String
    /// The clients that can be imported.
    let available: Set<Client>

    /// Writes the scripts, which this program carries, and asks the interpreter what it can import.
    init(interpreter: String?, directory: String) async throws {
        let candidates = interpreter.map { [$0] } ?? [".build/python/bin/python", "/usr/bin/python3"]
        self.interpreter = candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[0]
        self.directory = directory
        let scripts = [
            "measuring.py": PackageResources.measuring_py, "pika_client.py": PackageResources.pika_client_py,
            "aio_pika_client.py": PackageResources.aio_pika_client_py,
        ]
        for (name, bytes) in scripts { try Data(bytes).write(to: URL(fileURLWithPath: directory + "/" + name)) }
        var available: Set<Client> = []
        for client in [Client.pika, .aioPika] {
            let module = client.rawValue.replacingOccurrences(of: "-", with: "_")
            // `find_spec` says nothing when there is no such module, unlike an import.
            let probe = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('\(module)') else 1)"
            let output = try? await ChildRun.output(self.interpreter, ["-c", probe], isSilent: true)
            if output != nil { available.insert(client) }
        }
        self.available = available
    }

    /// The program and arguments that run a client.
    func command(_ client: Client) -> [String] {
        let script = client == .pika ? "pika_client.py" : "aio_pika_client.py"
        return [interpreter, directory + "/" + script]
    }
}
