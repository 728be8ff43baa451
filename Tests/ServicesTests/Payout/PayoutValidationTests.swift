import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import PayoutService

/// A body and what is said about it.
struct Refusal: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let body: String
    let fields: [String]
    var status = 422

    init(_ testDescription: String, _ body: String, _ fields: [String], status: Int = 422) {
        self.testDescription = testDescription
        self.body = body
        self.fields = fields
        self.status = status
    }

    static func amount(_ what: String, _ json: String) -> Refusal {
        Refusal(
            what,
            #"{"borrower":{"name":"A","email":"a@example.com"},"amount":{"minorUnits":\#(json),"currency":"SEK"}}"#,
            ["amount.minorUnits"])
    }

    static func currency(_ what: String, _ json: String) -> Refusal {
        Refusal(
            what, #"{"borrower":{"name":"A","email":"a@example.com"},"amount":{"minorUnits":1,"currency":\#(json)}}"#,
            ["amount.currency"])
    }

    static func name(_ what: String, _ json: String) -> Refusal {
        Refusal(
            what, #"{"borrower":{"name":\#(json),"email":"a@example.com"},"amount":{"minorUnits":1,"currency":"SEK"}}"#,
            ["borrower.name"])
    }

    static func email(_ address: String) -> Refusal {
        Refusal(
            "the address \(address.prefix(40).debugDescription)",
            #"{"borrower":{"name":"A","email":"\#(address)"},"amount":{"minorUnits":1,"currency":"SEK"}}"#,
            ["borrower.email"])
    }

    static func syntax(_ what: String, _ body: String) -> Refusal {
        Refusal(what, body, [], status: 400)
    }

    static let all: [Refusal] = [
        amount("a fraction", "1.5"), amount("a whole number written as a fraction", "1.0"),
        amount("an exponent", "1e3"),
        amount("zero", "0"), amount("less than nothing", "-5"), amount("a string", #""100""#), amount("null", "null"),
        amount("too much", "9007199254740992"), amount("more than 64 bits", "99999999999999999999999"),
        amount("an array", "[1]"), amount("a boolean", "true"), amount("minus zero", "-0"),
        currency("small letters", #""sek""#), currency("no currency", #""kr""#),
        currency("an unknown currency", #""ABC""#),
        currency("a number as currency", "752"), currency("no currency at all", #""XXX""#),
        name("an empty name", #""""#), name("spaces", #""  ""#), name("a trailing space", #""A ""#),
        name("a line break", #""A\nBcc: x@y.z""#), name("NUL", #""A\u0000B""#), name("an override", #""A\u202eB""#),
        name("a very long name", "\"\(String(repeating: "å", count: 201))\""), name("a number as name", "1"),
        name("punctuation", #""!!!""#), name("a line separator", #""A\u2028B""#),
        email(""), email("a"), email("a@"), email("@b"), email("a@b@c"), email("a b@c.d"), email("a@b..c"),
        email("a@-b.c"), email(".a@b.c"), email("a@b.c\\r\\nBcc: d@e.f"), email("a@b,c"), email("å@b.c"),
        email("a@[::1]"),
        email("<a@b.c>"), email(String(repeating: "a", count: 65) + "@b.c"),
        email("a@" + String(repeating: "b.", count: 150) + "c"),
        Refusal("an empty object", "{}", ["borrower", "amount"]),
        Refusal("an array", "[]", ["", "borrower", "amount"]),
        Refusal("a misspelt field", creation.replacing("name", with: "naem"), ["borrower.name", "borrower.naem"]),
        Refusal(
            "an unknown field", creation.replacing(#"{"borrower"#, with: #"{"status":"paid_out","borrower"#), ["status"]
        ),
        Refusal(
            "everything wrong", #"{"borrower":{"name":"","email":""},"amount":{"minorUnits":0,"currency":""}}"#,
            ["borrower.name", "borrower.email", "amount.minorUnits", "amount.currency"]),
        syntax("nothing but a brace", "{"), syntax("a comma too many", #"{"a":1,}"#), syntax("two documents", "{}{}"),
        syntax("a name twice", #"{"amount":{"minorUnits":1,"minorUnits":2}}"#), syntax("a comment", "/* */{}"),
        syntax("single quotes", "{'a':1}"), syntax("a leading zero", #"{"a":01}"#), syntax("NaN", #"{"a":NaN}"#),
        syntax("half a surrogate pair", #"{"a":"\ud800"}"#), syntax("a raw control character", "{\"a\":\"\u{1}\"}"),
        syntax("depth", String(repeating: "[", count: 5_000)), syntax("a byte order mark", "\u{FEFF}{}"),
        syntax("a word", "nul"), syntax("a plus", #"{"a":+1}"#), syntax("an escape that is none", #"{"a":"\x"}"#),
    ]
}

@Suite(.timeLimit(.minutes(1)))
struct `A request to create a loan` {
    @Test(arguments: Refusal.all)
    func `is refused with the names of its fields`(_ refusal: Refusal) async throws {
        try await withAPI { client, store in
            let (response, problem) = try await client.post("/loans", refusal.body, key: "k")
            #expect(response.status.code == refusal.status)
            #expect(response.headers[.contentType] == "application/problem+json")
            #expect((problem.errors ?? []).map(\.field) == refusal.fields)
            #expect(problem.title?.isEmpty == false && problem.detail?.isEmpty == false)
            #expect(try await store.unpublished(limit: 1).isEmpty)
            // A refusal uses no key up.
            #expect(try await client.post("/loans", creation, key: "k").response.status == .created)
        }
    }

    @Test func `is refused when it is not UTF-8`() async throws {
        try await withAPI { client, _ in
            let response = try await client.executeRequest(
                uri: "/loans", method: .post, headers: [.contentType: "application/json"],
                body: ByteBuffer(bytes: Array(#"{"a":""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)))
            #expect(response.status == .badRequest)
        }
    }

    @Test(arguments: [
        "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/json; charset=latin1",
        "application/problem+json", "",
    ])
    func `is refused in another media type`(_ type: String) async throws {
        try await withAPI { client, _ in
            let (response, problem) = try await client.post("/loans", creation, headers: [.contentType: type])
            #expect(response.status == .unsupportedMediaType)
            #expect(problem.type == "urn:harebell:problem:unsupported-media-type")
        }
    }

    @Test(arguments: ["application/json", "application/json;charset=utf-8", "Application/JSON; charset=\"UTF-8\""])
    func `is taken in JSON`(_ type: String) async throws {
        try await withAPI { client, _ in
            let (response, _) = try await client.post("/loans", creation, headers: [.contentType: type])
            #expect(response.status == .created)
        }
    }

    @Test func `is refused without a type, compressed, or too large`() async throws {
        try await withAPI { client, _ in
            let untyped = try await client.executeRequest(
                uri: "/loans", method: .post, headers: [:], body: ByteBuffer(string: creation))
            #expect(untyped.status == .unsupportedMediaType)
            let compressed = try await client.post(
                "/loans", creation, headers: [.contentType: "application/json", .contentEncoding: "gzip"])
            #expect(compressed.response.status == .unsupportedMediaType)
            let large = try await client.post("/loans", creation + String(repeating: " ", count: PayoutAPI.bodyLimit))
            #expect(large.response.status == .contentTooLarge)
            #expect(large.answer.type == "urn:harebell:problem:too-large")
        }
    }

    @Test(arguments: [
        "Åsa Öberg", "李小龍", "محمد علي", "O'Brien-Smith", "Nguyễn Thị Minh Khai", "X Æ A-12", #"\ud83d\ude00 Joy"#,
    ])
    func `is taken with a name in any script`(_ name: String) async throws {
        try await withAPI { client, _ in
            let (response, _) = try await client.post("/loans", creation.replacing("Åsa Öberg", with: name))
            #expect(response.status == .created)
        }
    }

    @Test(arguments: [(Int64(1), "JPY"), (9_007_199_254_740_991, "KWD")])
    func `is taken with every exact amount`(_ minorUnits: Int64, _ currency: String) async throws {
        try await withAPI { client, _ in
            let body = creation.replacing("125000000", with: "\(minorUnits)").replacing("SEK", with: currency)
            let (_, loan) = try await client.post("/loans", body)
            #expect(loan.amount == .init(minorUnits: minorUnits, currency: currency))
        }
    }

    @Test func `to pay out or cancel is read as strictly`() async throws {
        try await withAPI { client, _ in
            let id = try await client.createLoan()
            #expect(
                try await client.post("/loans/\(id)/payout", #"{"amount":1}"#).answer.errors?.map(\.field) == ["amount"]
            )
            #expect(try await client.post("/loans/\(id)/payout", #"{"reference":"a\nb"}"#).response.status.code == 422)
            #expect(try await client.post("/loans/\(id)/payout", #"{"reference":""}"#).response.status.code == 422)
            #expect(try await client.post("/loans/\(id)/cancel", #"{"reason":"\u0007"}"#).response.status.code == 422)
            #expect(try await client.post("/loans/\(id)/payout", "[]").response.status.code == 422)
            #expect(try await client.get("/loans/\(id)").answer.status == "created")
            #expect(
                try await client.post("/loans/\(id)/payout", #"{"reference":"INV 42"}"#).answer.reference == "INV 42")
        }
    }
}
