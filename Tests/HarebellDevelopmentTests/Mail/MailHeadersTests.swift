import Testing

@testable import HarebellDevelopment

@Suite struct MailHeadersTests {
    @Test func `folded fields and encoded words are read as a person wrote them`() {
        let headers = MailHeaders(
            message: Array(
                """
                From: =?utf-8?Q?=C3=85sa_=C3=96berg?= <asa@example.com>\r
                Subject: =?UTF-8?B?w4VzYSw=?=\r
                 =?UTF-8?B?IHBhaWQ=?= out\r
                Message-ID: <1@harebell>\r
                nonsense\r
                \r
                Subject: not a header\r

                """.utf8))
        #expect(headers["from"] == "Åsa Öberg <asa@example.com>")
        #expect(headers["SUBJECT"] == "Åsa, paid out")
        #expect(headers["Message-Id"] == "<1@harebell>")
        #expect(headers.fields.count == 3)
    }

    @Test(arguments: [
        ("plain", "plain"), ("=?x", "=?x"), ("=?utf-8?B?!!!?=", "=?utf-8?B?!!!?="),
        ("=?utf-8?Q?a=4?=", "=?utf-8?Q?a=4?="),
        ("=?koi8-r?B?YQ==?=", "=?koi8-r?B?YQ==?="), ("=?iso-8859-1*en?q?=E5?= b", "å b"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?utf-8?q??=", ""), ("=?=?utf-8?q?a?=", "=?a"), ("Åsa", "Åsa"),
    ])
    func `what is no encoded word stays as it is`(text: String, decoded: String) {
        #expect(EncodedWords.decode(text) == decoded)
    }

    @Test(arguments: [
        ("*", "a@b", true), ("*@b", "a@b", true), ("a*b*c", "axxbyyc", true), ("a*b*c", "axxbyy", false),
        ("", "", true), ("", "a", false), ("A@B", "a@b", true), ("a**", "a", true),
        ("*x*x*x*x*x", "yyyyyyyyyyyy", false),
    ])
    func `a pattern matches with stars for anything`(pattern: String, address: String, expected: Bool) {
        #expect(RecipientRule(pattern: pattern, reply: .ok).matches(address) == expected)
    }
}
