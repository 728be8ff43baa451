import Foundation
import Harebell
import LoanEvents
import Testing

struct `An amount of money` {
    @Test(arguments: [
        (125_000_000, "SEK", "1 250 000,00 kr"), (0, "SEK", "0,00 kr"), (5, "EUR", "0,05 EUR"),
        (-5, "EUR", "-0,05 EUR"),
        (100, "USD", "1,00 USD"), (99_999, "EUR", "999,99 EUR"), (100_000, "EUR", "1 000,00 EUR"),
        (1_000, "JPY", "1 000 JPY"), (7, "JPY", "7 JPY"), (1_234_567, "KWD", "1 234,567 KWD"), (1, "KWD", "0,001 KWD"),
        (12_345, "CLF", "1,2345 CLF"), (Int64.max, "SEK", "92 233 720 368 547 758,07 kr"),
        (Int64.min, "SEK", "-92 233 720 368 547 758,08 kr"), (Int64.min, "JPY", "-9 223 372 036 854 775 808 JPY"),
    ])
    func `is written exactly`(_ minorUnits: Int64, _ currency: String, _ text: String) throws {
        let money = try Money(minorUnits: minorUnits, currency: currency)
        #expect(money.formatted(groupedBy: " ") == text)
        #expect(money.formatted() == text.replacing(" ", with: "\u{A0}"))
    }

    @Test(arguments: ["", "SE", "SEKK", "sek", "S3K", "ÅÄÖ", "SEK\0", " SEK"])
    func `has a currency of three capital letters`(_ currency: String) {
        #expect(throws: MoneyError.self) { try Money(minorUnits: 1, currency: currency) }
    }

    @Test func `knows the currencies in use`() {
        #expect(Money.isActive(currency: "SEK") && Money.isActive(currency: "JPY") && Money.isActive(currency: "KWD"))
        #expect(!Money.isActive(currency: "XXX") && !Money.isActive(currency: "ABC"))
    }

    @Test(arguments: [
        #"{"minorUnits":1.5,"currency":"SEK"}"#, #"{"minorUnits":"1","currency":"SEK"}"#,
        #"{"minorUnits":9223372036854775808,"currency":"SEK"}"#, #"{"minorUnits":1,"currency":"kr"}"#,
        #"{"minorUnits":1}"#,
    ])
    func `is refused on the wire when it is not exact`(_ json: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Money.self, from: Data(json.utf8)) }
    }
}

struct `An event of a loan` {
    @Test func `travels and comes back the same`() throws {
        let event = LoanPaidOut(
            loanID: "l", borrower: Borrower(name: "Åsa Öberg", email: "asa@example.com"),
            amount: try Money(minorUnits: .max, currency: "SEK"), reference: "PO-1",
            occurredAt: Date(timeIntervalSince1970: 1_772_366_400))
        let envelope = try Envelope(event, producer: "payout")
        #expect(envelope.type == "loan.paid-out")
        #expect(envelope.partitionKey == "l" && envelope.subject == "l")
        #expect(try envelope.decode(LoanPaidOut.self) == event)
    }

    @Test func `has a type and a status of its own`() {
        #expect(
            LoanLifecycle.events.map { $0.eventType.rawValue } == ["loan.created", "loan.paid-out", "loan.canceled"])
        #expect(LoanLifecycle.events.map { $0.status } == LoanStatus.allCases)
    }

    @Test func `ends a loan's life once`() {
        for next in LoanStatus.allCases {
            #expect(LoanStatus.created.mayBecome(next) == (next != .created))
            #expect(!LoanStatus.paidOut.mayBecome(next) && !LoanStatus.canceled.mayBecome(next))
        }
    }
}
