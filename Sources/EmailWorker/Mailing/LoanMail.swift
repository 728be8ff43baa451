import LoanEvents

/// What a borrower is told about a loan: a subject, a sentence and a few facts, as text and as HTML.
struct LoanMail: Sendable, Hashable {
    let subject: String
    let text: String
    let html: String

    /// The mail about a payout.
    init(_ event: LoanPaidOut) {
        self.init(
            subject: "Your loan is paid out: \(event.amount.formatted(groupedBy: " "))", borrower: event.borrower,
            message: "We have paid out your loan.", amount: event.amount,
            facts: [
                ("Loan", event.loanID), ("Reference", event.reference), ("Paid out", MailDate.text(event.occurredAt)),
            ])
    }

    /// The mail about a cancellation.
    ///
    /// It does not repeat the reason, which staff wrote for staff.
    init(_ event: LoanCanceled) {
        self.init(
            subject: "Your loan is canceled", borrower: event.borrower,
            message: "Your loan is canceled. Nothing will be paid out, and you owe nothing for it.",
            amount: event.amount,
            facts: [("Loan", event.loanID), ("Canceled", MailDate.text(event.occurredAt))])
    }

    private init(
        subject: String, borrower: Borrower, message: String, amount: Money, facts: [(label: String, value: String)]
    ) {
        // One line each, so that a name cannot add paragraphs to our letter.
        let name = HeaderText.singleLine(borrower.name, limit: 100)
        let greeting = name.isEmpty ? "Hello," : "Dear \(name),"
        let facts = facts.map { (label: $0.label, value: HeaderText.singleLine($0.value, limit: 100)) }
        let closing = "If this is a surprise to you, please contact us."

        let lines = [("Amount", amount.formatted(groupedBy: " "))] + facts
        let rows = lines.map { label, value in
            "\(label):\(String(repeating: " ", count: max(1, 11 - label.count)))\(value)"
        }
        self.subject = subject
        text = ([greeting, "", message, ""] + rows + ["", closing, ""]).joined(separator: "\n")

        let cells = [("Amount", amount.formatted())] + facts
        let table = cells.map { label, value in
            "<tr><th align=\"left\">\(label)</th><td>\(Self.escaped(value))</td></tr>"
        }
        html =
            ([
                "<!DOCTYPE html>",
                "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>\(Self.escaped(subject))</title></head>",
                "<body>", "<p>\(Self.escaped(greeting))</p>", "<p>\(message)</p>", "<table cellpadding=\"4\">",
            ] + table + ["</table>", "<p>\(closing)</p>", "</body></html>", ""]).joined(separator: "\n")
    }

    /// Text that stays text in HTML, also inside a quoted attribute.
    ///
    /// Scalar by scalar: a letter that joins what follows it, such as U+0D4E, makes one Character of itself and a `<`.
    static func escaped(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case "'": "&#39;"
            default: String(scalar)
            }
        }.joined()
    }
}
