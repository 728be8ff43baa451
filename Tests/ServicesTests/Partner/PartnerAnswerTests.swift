import Harebell
import Testing

@testable import PartnerWorker

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct `What the partner's answer means` {
    /// The example of RFC 9110: Sun, 06 Nov 1994 08:49:37 GMT.
    let now = Date(timeIntervalSince1970: 784_111_777)

    @Test(arguments: [200, 201, 202, 204, 299])
    func `2xx is done`(status: Int) {
        #expect(PartnerAnswer.failure(status: status, retryAfter: "5", now: now) == nil)
    }

    @Test(arguments: [
        300, 301, 302, 303, 304, 307, 308, 400, 402, 404, 405, 406, 410, 411, 413, 415, 422, 423, 451,
    ])
    func `3xx and most of 4xx are permanent`(status: Int) {
        let failure = PartnerAnswer.failure(status: status, retryAfter: "5", now: now)
        #expect(failure.map { FailureClassification($0) } == .permanent)
        #expect("\(failure as Any)".contains("\(status)"))
    }

    @Test(arguments: [408, 409, 421, 425, 429, 500, 501, 502, 503, 504, 599, 600])
    func `what is about the moment is transient and waits as long as it is told`(status: Int) {
        let failure = {
            PartnerAnswer.failure(status: status, retryAfter: $0, now: now).map { FailureClassification($0) }
        }
        #expect(failure(nil) == .transient(retryAfter: nil))
        #expect(failure("7") == .transient(retryAfter: .seconds(7)))
        #expect(failure("Sun, 06 Nov 1994 08:50:37 GMT") == .transient(retryAfter: .seconds(60)))
        #expect(failure("later") == .transient(retryAfter: nil))
    }

    @Test(arguments: [401, 403]) func `who does not know us is down for every report`(status: Int) {
        let failure = PartnerAnswer.failure(status: status, retryAfter: "5", now: now)
        #expect(failure.map { FailureClassification($0) } == .dependencyDown(retryAfter: nil))
    }

    @Test func `the reason says what to do`() {
        #expect(
            "\(PartnerAnswer.failure(status: 302, retryAfter: nil, now: now) as Any)".contains("HAREBELL_PARTNER_URL"))
        #expect(
            "\(PartnerAnswer.failure(status: 401, retryAfter: nil, now: now) as Any)".contains(
                "HAREBELL_PARTNER_SECRET"))
        let refused = PartnerAnswer.failure(status: 422, retryAfter: nil, explanation: "unknown loan", now: now)
        #expect("\(refused as Any)".contains("422: unknown loan"))
    }

    @Test(arguments: [
        ("0", 0), ("1", 1), ("120", 120), ("0120", 120), ("86400", 86_400), ("86401", 86_400), ("9999999999", 86_400),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0), ("Sun, 06 Nov 1994 08:49:42 GMT", 5),
        ("Sunday, 06-Nov-94 08:49:42 GMT", 5), ("Sun Nov  6 08:49:42 1994", 5), ("Mon Nov 14 08:49:37 1994", 86_400),
        ("Sun, 06 Nov 1994 07:00:00 GMT", 0), ("Mon, 07 Nov 1994 00:00:00 GMT", 54_623),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sunday, 06-Nov-44 08:49:37 GMT", 86_400),
        ("Sunday, 06-Nov-45 08:49:37 GMT", 0),
    ])
    func `Retry-After is seconds or a date`(text: String, seconds: Int) {
        #expect(RetryAfter.delay(text, now: now) == .seconds(seconds))
    }

    @Test(arguments: [
        "", " ", "-1", "1.5", "+5", "5s", "12345678901", "٣", "soon", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT", "06 Nov 1994 08:49 GMT",
        "1994-11-06T08:49:37Z", "Sun, 06 Nov 199 08:49:37 GMT",
    ])
    func `any other Retry-After is none`(text: String) {
        #expect(RetryAfter.delay(text, now: now) == nil)
    }

    @Test(arguments: [
        ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600), ("Wed, 31 Dec 2025 23:59:59 GMT", 1_767_225_599),
        ("Thu, 01 Mar 2096 00:00:00 GMT", 3_981_398_400),
    ])
    func `a date is counted over leap days`(text: String, seconds: Int) {
        #expect(RetryAfter.date(text, now: now) == Date(timeIntervalSince1970: Double(seconds)))
    }
}
