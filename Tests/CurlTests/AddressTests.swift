import Testing

@testable import Curl

@Suite struct `Addresses and URLs` {
    @Test(
        arguments: [
            [8, 8, 8, 8], [1, 1, 1, 1], [100, 63, 0, 1], [100, 128, 0, 1], [172, 15, 0, 1], [172, 32, 0, 1],
            [223, 255, 0, 1],
            v6("2606:4700"), v6("2a00:1450"), v6("2001:4860"), nat64([8, 8, 8, 8]),
        ] as [[UInt8]])
    func `the public internet is public`(address: [UInt8]) {
        #expect(AddressPolicy.publicOnly.allows(address))
        #expect(AddressPolicy.any.allows(address))
        #expect(!AddressPolicy.loopbackOnly.allows(address))
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [10, 1, 2, 3], [100, 64, 0, 1], [100, 127, 255, 255], [127, 0, 0, 1], [127, 9, 9, 9],
            [169, 254, 169, 254], [172, 16, 0, 1], [172, 31, 255, 255], [192, 0, 0, 170], [192, 0, 2, 1],
            [192, 88, 99, 1], [192, 168, 0, 1], [198, 18, 0, 1], [198, 19, 0, 1], [198, 51, 100, 1], [203, 0, 113, 1],
            [224, 0, 0, 1], [240, 0, 0, 1], [255, 255, 255, 255],
            v6(""), Array(repeating: 0, count: 15) + [1], Array(repeating: 0, count: 10) + [0xFF, 0xFF, 8, 8, 8, 8],
            Array(repeating: 0, count: 12) + [8, 8, 8, 8], v6("fc00"), v6("fd12:3456"), v6("fe80"), v6("fec0"),
            v6("ff02"),
            v6("2001:0000"), v6("2001:0db8"), v6("2002:7f00"), v6("3fff:0000"), v6("0100"), v6("0064:ff9b:0001"),
            nat64([127, 0, 0, 1]), nat64([169, 254, 169, 254]), [], [1, 2, 3],
        ] as [[UInt8]])
    func `everything else is not`(address: [UInt8]) {
        #expect(!AddressPolicy.publicOnly.allows(address))
    }

    @Test func `this machine is 127.0.0.0/8 and ::1`() {
        let loopback: [[UInt8]] = [[127, 0, 0, 1], [127, 255, 0, 1], Array(repeating: 0, count: 15) + [1]]
        for address in loopback { #expect(AddressPolicy.loopbackOnly.allows(address)) }
        let others: [[UInt8]] = [[128, 0, 0, 1], Array(repeating: 0, count: 16), []]
        for address in others { #expect(!AddressPolicy.loopbackOnly.allows(address)) }
    }

    @Test(arguments: [
        ("HTTPS://Example.ORG", "https", "example.org", 443, false),
        ("http://127.1:8080/x?y#z", "http", "127.0.0.1", 8080, true),
        ("http://2130706433", "http", "127.0.0.1", 80, true), ("smtp://localhost", "smtp", "localhost", 25, true),
        ("smtps://[::1]", "smtps", "::1", 465, true),
        ("https://127.0.0.1.example.org", "https", "127.0.0.1.example.org", 443, false),
        ("http://128.0.0.1", "http", "128.0.0.1", 80, false), ("http://127.0.0.1.", "http", "127.0.0.1.", 80, false),
        ("https://localhost.example.org:444", "https", "localhost.example.org", 444, false),
    ])
    func `a URL is read as libcurl reads it`(text: String, scheme: String, host: String, port: Int, loopback: Bool)
        throws
    {
        let url = try ServerURL(text)
        #expect(url.scheme == scheme)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.isLoopback == loopback)
        #expect(try ServerURL(url.text) == url)
    }
}

/// An IPv6 address from its first groups.
private func v6(_ groups: String) -> [UInt8] {
    let bytes = groups.split(separator: ":").flatMap { group -> [UInt8] in
        let value = UInt16(group, radix: 16) ?? 0
        return [UInt8(value >> 8), UInt8(value & 0xFF)]
    }
    return bytes + Array(repeating: 0, count: 16 - bytes.count)
}

private func nat64(_ address: [UInt8]) -> [UInt8] {
    Array(v6("0064:ff9b").prefix(12)) + address
}
