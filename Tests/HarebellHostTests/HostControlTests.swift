import Harebell
import HarebellObservability
import HarebellTesting
import Testing

@testable import HarebellHost

@Suite(.timeLimit(.minutes(1))) struct `Control of a process` {
    /// A worker that notes what it was told, and drains only when it is told to resume.
    private final class Told: ControllableService {
        let service: ServiceName
        let heard = Observed<[String]>([])
        let isResumed = Observed(false)

        init(_ service: ServiceName) { self.service = service }

        var state: WorkerState { heard.value.last == "drain" ? .draining : .running }
        var messagesInHand: Int { heard.value.count }
        var prefetch: Int { heard.value.compactMap { Int($0) }.last ?? 20 }
        func pause() async { heard.update { $0.append("pause") } }
        func resume() async { heard.update { $0.append("resume") } }
        func drain() async {
            heard.update { $0.append("drain") }
            try? await isResumed.wait { $0 }
        }
        func setPrefetch(_ prefetch: Int) async throws { heard.update { $0.append("\(prefetch)") } }
    }

    @Test func `a command reaches every worker, and the answer says how they are then`() async throws {
        let workers = [Told("email"), Told("pdf")]
        let control = HostControl(workers: workers)
        #expect(try await control.obey(.prefetch(7)) == "email running, prefetch 7; pdf running, prefetch 7")
        _ = try await control.obey(.pause)
        _ = try await control.obey(.resume)
        for worker in workers { #expect(worker.heard.value == ["7", "pause", "resume"]) }
    }

    @Test func `a command for one service reaches no other, and one for nobody is refused`() async throws {
        let workers = [Told("email"), Told("pdf")]
        let control = HostControl(workers: workers)
        #expect(try await control.obey(.pause, service: "pdf") == "pdf running, prefetch 20")
        #expect(workers.map(\.heard.value) == [[], ["pause"]])
        let error = await #expect(throws: StatusRoutes.NoSuchService.self) {
            try await control.obey(.pause, service: "partner")
        }
        #expect(error?.description.contains("email, pdf") == true)
        #expect(
            control.services == [
                ControlledService(name: "email", state: "running", inHand: 0, prefetch: 20),
                ControlledService(name: "pdf", state: "running", inHand: 1, prefetch: 20),
            ])
    }

    @Test func `a drain that takes long is answered in time`() async throws {
        let worker = Told("email")
        let control = HostControl(workers: [worker], patience: .milliseconds(50))
        #expect(try await control.obey(.drain) == "email draining, prefetch 20")
        #expect(worker.heard.value == ["drain"])
    }
}
