import HarebellHost
import Testing

@Suite struct `Durations as people write them` {
    @Test(arguments: [
        ("0", Duration.zero), ("500ms", .milliseconds(500)), ("30s", .seconds(30)), ("2m", .seconds(120)),
        ("2min", .seconds(120)), ("1h30m", .seconds(5_400)), ("1.5s", .milliseconds(1_500)), ("7d", .seconds(604_800)),
        ("50us", .microseconds(50)),
    ])
    func `a number and a unit are read`(text: String, expected: Duration) {
        #expect(Duration(text: text) == expected)
    }

    @Test(arguments: [
        "", "30", "s", "-1s", "1 s", "1x", "1e9s", "٣s", "99999999999d", ".s", "1.s", "1..2s", "1s,2s", "nans",
    ])
    func `anything else is refused`(text: String) {
        #expect(Duration(text: text) == nil)
    }

    @Test(arguments: ["500ms", "30s", "2m", "1h30m", "1s500ms", "7d", "0"])
    func `what is printed can be read again`(text: String) {
        #expect(Duration(text: text)?.text == text)
    }
}
