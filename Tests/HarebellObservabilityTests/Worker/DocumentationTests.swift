import Harebell
import HarebellObservability
import Metrics
import TestSupport
import Testing

@Suite struct `The documentation of metrics` {
    @Test func `names every metric that there is, as it is shown`() throws {
        let article = try SourceText.file("Sources/Harebell/Harebell.docc/Observing-a-worker.md")
        for label in MetricName.descriptions.keys {
            #expect(article.contains("| `\(label)` | `\(label.replacing(".", with: "_"))"), "\(label)")
        }
        let rows = article.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.count == MetricName.descriptions.count)
    }
}
