import Curl

/// The example of the module's landing page: compiled, and held to the page by a test of the catalogs.
enum DocumentationExample {
    static func send(_ report: [UInt8]) async throws -> Int {
        let client = try CurlClient(
            configuration: CurlConfiguration(
                timeout: .seconds(10), allowedHosts: ["partner.example.org"], addressPolicy: .publicOnly))
        let response = try await client.send(
            HTTPRequest(
                method: "POST", url: "https://partner.example.org/loans",
                fields: ["Content-Type": "application/json"], body: report))
        await client.shutdown()
        return response.status
    }
}
