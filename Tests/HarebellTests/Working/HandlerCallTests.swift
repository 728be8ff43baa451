import Synchronization
import Testing

@testable import Harebell

@Suite struct `A call of a handler` {
    private struct Failure: Error {}

    @Test func `what it throws is its result`() async {
        let inPlace = await HandlerCall().result { throw Failure() }
        #expect(throws: Failure.self) { try inPlace.get() }
        let inItsTask = await HandlerCall().resultInItsTask { throw Failure() }
        #expect(throws: Failure.self) { try inItsTask.get() }
    }

    @Test func `cancelled in place, it cancels the task that it runs in`() async {
        let isCancelled = await Task {
            let call = HandlerCall()
            _ = await call.result {
                #expect(!Task.isCancelled)
                call.cancel()
                await Task.yield()
            }
            return Task.isCancelled
        }.value
        #expect(isCancelled)
    }

    @Test func `it hears that it is cancelled although it has awaited nothing`() async throws {
        let call = HandlerCall()
        let result = await call.resultInItsTask {
            #expect(!Task.isCancelled)
            call.cancel()
            try Task.checkCancellation()
        }
        #expect(throws: CancellationError.self) { try result.get() }
    }

    @Test func `cancelled before it began, it begins cancelled`() async throws {
        let call = HandlerCall()
        call.cancel()
        let result = await call.resultInItsTask { try Task.checkCancellation() }
        #expect(throws: CancellationError.self) { try result.get() }
    }

    @Test func `cancelling it does not cancel who waits for it`() async {
        let call = HandlerCall()
        _ = await call.resultInItsTask {
            call.cancel()
            await Task.yield()
        }
        #expect(!Task.isCancelled)
    }

    @Test func `it hears of the cancellation of who waits for it`() async throws {
        let (began, begin) = AsyncStream<Void>.makeStream()
        let waiting = Task {
            await HandlerCall().resultInItsTask {
                begin.finish()
                let (never, hold) = AsyncStream<Void>.makeStream()
                for await _ in never {}
                hold.finish()
                try Task.checkCancellation()
            }
        }
        for await _ in began {}
        waiting.cancel()
        let result = await waiting.value
        #expect(throws: CancellationError.self) { try result.get() }
    }

    @Test func `after its end it can be cancelled to no effect`() async throws {
        let call = HandlerCall()
        try await call.result {}.get()
        call.cancel()
        #expect(!Task.isCancelled)
    }
}
