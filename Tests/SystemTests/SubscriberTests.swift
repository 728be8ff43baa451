import AMQP
import TestSupport
import Testing

@testable import HarebellDevelopment

extension SystemTests {
    @Test func `a subscriber started while everything runs gets the next events`() async throws {
        let running = try await RunningSystem.shared()
        let before = try running.processIDs()
        try await withTemporaryDirectory { directory in
            let environment = try running.operatorEnvironment
            let subscriber = ServiceSupervisor([
                ServiceDescription(
                    name: "example", executable: ownFolder() + "/example-subscriber", environment: environment,
                    directory: directory)
            ])
            let events = subscriber.events()
            let subscribing = Task { await subscriber.run() }
            defer { subscribing.cancel() }
            try await eventually("the subscriber's consumer", within: .seconds(60)) {
                let state = try? await running.withBroker { connection in
                    try await connection.openChannel().declareQueue("example", passive: true)
                }
                return (state?.consumerCount ?? 0) > 0
            }
            let name = uniqueName("Bo")
            let loan = try await running.createLoan(name: name, minorUnits: 400_000)
            try await running.payOut(loan)
            let line = try await within(.seconds(60)) {
                for await case .line(_, let text) in events where text.contains("\(name) got") { return text }
                return ""
            }
            #expect(line?.contains("4000.00") == true || line?.contains("4 000,00") == true, "\(line ?? "nothing")")
            #expect(try await running.settled([loan]).lost == 0)
            #expect(try running.processIDs() == before)
            subscribing.cancel()
            await subscribing.value
        }
    }
}
