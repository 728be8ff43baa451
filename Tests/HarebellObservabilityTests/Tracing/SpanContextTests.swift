import Testing

@testable import HarebellObservability

@Suite struct `W3C trace context` {
    private let sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `a header is read and written again as it was`() throws {
        let context = try #require(SpanContext(traceparent: sound, tracestate: "a=1,b=2"))
        #expect(context.traceIDText == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanIDText == "00f067aa0ba902b7")
        #expect(context.isSampled)
        #expect(context.traceState == "a=1,b=2")
        #expect(context.traceparent == sound)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
    ])
    func `what has not the form is as if it were not there`(header: String) {
        #expect(SpanContext(traceparent: header) == nil)
    }

    @Test func `a later version may have more behind our fields`() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes"
        #expect(SpanContext(traceparent: later)?.isSampled == false)
    }

    @Test func `a state that could end a header is dropped, and the trace goes on`() {
        let context = SpanContext(traceparent: sound, tracestate: "a=1\r\nX: y")
        #expect(context != nil)
        #expect(context?.traceState == nil)
    }
}
