import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What is promised about speed and order under load, on real services and a real broker.
///
/// One test at a time: each measures, and the payout test compares medians that must not be shared with a neighbour.
/// Swift Testing still runs other suites beside this one: `Ops/test` runs it alone, and what is compared is interleaved.
@Suite(.serialized) struct LoadTests {
    /// The sizes that are promised, rather than shorter ones that show the same.
    static let isFull = ProcessInfo.processInfo.environment["HAREBELL_TEST_FULL"] == "1"
}
