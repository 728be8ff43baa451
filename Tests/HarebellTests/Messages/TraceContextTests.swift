import Testing

@testable import Harebell

@Suite struct `A trace context` {
    private let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private let span = "00f067aa0ba902b7"

    @Test func `the ids are found in a well-formed header`() {
        for flags in ["01", "", "01-what-may-come-later"] {
            let context = TraceContext(traceparent: "00-\(trace)-\(span)-\(flags)")
            #expect(context.traceID == trace)
            #expect(context.spanID == span)
            #expect(context.ids?.trace == trace && context.ids?.span == span)
        }
    }

    @Test(arguments: [
        "", "00-a-b-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bé-01",
        "é0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0--4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ])
    func `other headers have none`(traceparent: String) {
        let context = TraceContext(traceparent: traceparent)
        #expect(context.traceID == nil)
        #expect(context.spanID == nil)
    }
}
