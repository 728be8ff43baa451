import Testing

@testable import HarebellBench

@Suite struct `Statistics` {
    @Test func `the median is the middle value, or the mean of the two in the middle`() {
        #expect(median([3, 1, 2]) == 2)
        #expect(median([4, 1, 3, 2]) == 2.5)
        #expect(median([7]) == 7)
    }

    @Test func `nothing has no median`() {
        #expect(median([]) == nil)
    }

    @Test(arguments: [(0.0, 2, "0.00"), (1.005, 1, "1.0"), (2.999, 2, "3.00"), (0.05, 2, "0.05"), (99.6, 0, "100")])
    func `a number has as many digits as asked for`(value: Double, digits: Int, text: String) {
        #expect(formatted(value, digits: digits) == text)
    }

    @Test(arguments: [nil, Double.nan, .infinity])
    func `what is not known is a dash`(value: Double?) {
        #expect(formatted(value, digits: 2) == "-")
    }

    @Test func `columns are aligned, names to the left and numbers to the right`() {
        let text = aligned([["NAME", "N"], ["a", "100"], ["long name", "-"]], leading: 1)
        #expect(text == "NAME         N\na          100\nlong name    -")
    }
}
