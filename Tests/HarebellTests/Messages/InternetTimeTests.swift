import Foundation
import Testing

@testable import Harebell

@Suite struct `Instants in text` {
    private let foundation = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// What Foundation reads, with the double that an envelope keeps.
    private func expected(_ text: String) throws -> Date { try foundation.parse(text).wholeMilliseconds }

    @Test func `every day of four centuries is read as Foundation reads it`() throws {
        for day in stride(from: 0, through: 146_097, by: 13) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400 + Double(day % 86_400) + 0.25)
            let text = date.formatted(foundation)
            #expect(InternetTime.parse(text) == (try expected(text)), "\(text)")
        }
    }

    @Test(arguments: [
        "2024-02-29T23:59:59.999Z", "2000-02-29T00:00:00.000Z", "2100-02-28T12:00:00.001Z", "1970-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.000Z",
    ])
    func `the edges of the calendar are read`(text: String) throws {
        #expect(InternetTime.parse(text) == (try expected(text)))
    }

    @Test(arguments: [
        "2023-02-29T00:00:00.000Z", "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z", "2026-01-01T24:00:01Z",
        "2026-01-01T00:61:00.000Z", "2026-01-01T00:00:0aZ", "2026-01-01T00:00:00.12xZ", "２０２６-01-01T00:00:00Z",
    ])
    func `what Foundation refuses is refused, and what it accepts is read alike`(text: String) {
        let expected = (try? self.expected(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
        #expect(InternetTime.parse(text) == expected)
    }
}
