import Foundation

/// The clients and frameworks in Python: which are there, and the scripts that use them.
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
            "aio_pika_client.py": PackageResources.aio_pika_client_py, "events.py": PackageResources.events_py,
            "faststream_worker.py": PackageResources.faststream_worker_py,
            "celery_worker.py": PackageResources.celery_worker_py,
            "dramatiq_worker.py": PackageResources.dramatiq_worker_py,
        ]
        for (name, bytes) in scripts { try Data(bytes).write(to: URL(fileURLWithPath: directory + "/" + name)) }
        var available: Set<Client> = []
        for (client, _) in Self.scripts {
            let module = client.rawValue.replacingOccurrences(of: "-", with: "_")
            // `find_spec` says nothing when there is no such module, unlike an import.
            let probe = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('\(module)') else 1)"
            let output = try? await ChildRun.output(self.interpreter, ["-c", probe], isSilent: true)
            if output != nil { available.insert(client) }
        }
        self.available = available
    }

    private static let scripts: [Client: String] = [
        .pika: "pika_client.py", .aioPika: "aio_pika_client.py", .faststream: "faststream_worker.py",
        .celery: "celery_worker.py", .dramatiq: "dramatiq_worker.py",
    ]

    /// The program and arguments that run a client; `nil` for one that is not written in Python.
    func command(_ client: Client) -> [String]? {
        Self.scripts[client].map { [interpreter, directory + "/" + $0] }
    }
}
