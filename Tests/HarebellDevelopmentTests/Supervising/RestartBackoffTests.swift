import Testing

@testable import HarebellDevelopment

@Suite struct RestartBackoffTests {
    @Test func `waits double from one second to thirty and start again after health`() {
        var backoff = RestartBackoff()
        let waits = (0..<7).map { _ in backoff.wait(afterRunning: .seconds(1)) }
        #expect(waits == [1, 2, 4, 8, 16, 30, 30].map { Duration.seconds($0) })
        #expect(backoff.wait(afterRunning: .seconds(30)) == .seconds(1))
        #expect(backoff.wait(afterRunning: .milliseconds(29_999)) == .seconds(2))
    }

    @Test func `lines are split whatever the pieces and long ones are cut`() {
        let text = "one\r\ntwo\n\nåäö and a long line\nrest"
        for size in [1, 3, 100] {
            var splitter = LineSplitter(limit: 12)
            var rest = Array(text.utf8)[...]
            var lines: [String] = []
            while !rest.isEmpty {
                lines += splitter.append(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            #expect(lines == ["one", "two", "", "åäö and a …"])
            #expect(splitter.finish() == "rest")
            #expect(splitter.finish() == nil)
        }
    }
}
