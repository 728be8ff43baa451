import LoanEvents

extension LoanCommand {
    /// Reads `{"borrower": {"name": …, "email": …}, "amount": {"minorUnits": …, "currency": …}}`.
    static func readCreate(_ value: JSONValue) throws -> LoanCommand {
        try read(value) { fields in
            let borrower = fields.object("borrower") { fields -> Borrower? in
                let name = fields.string("name", check: FieldRules.name)
                let email = fields.string("email", check: FieldRules.email)
                guard let name, let email else { return nil }
                return Borrower(name: name, email: email)
            }
            let amount = fields.object("amount") { fields -> Money? in
                let minorUnits = fields.integer("minorUnits", in: 1...FieldRules.largestAmount)
                let currency = fields.string("currency", check: FieldRules.currency)
                guard let minorUnits, let currency else { return nil }
                return try? Money(minorUnits: minorUnits, currency: currency)
            }
            guard let borrower, let amount else { return nil }
            return .create(borrower: borrower, amount: amount)
        }
    }

    /// Reads `{}` or `{"reference": …}`.
    static func readPayOut(_ loanID: String, _ value: JSONValue) throws -> LoanCommand {
        try read(value) { fields in
            .payOut(loanID: loanID, reference: fields.optionalString("reference", check: FieldRules.reference))
        }
    }

    /// Reads `{}` or `{"reason": …}`.
    static func readCancel(_ loanID: String, _ value: JSONValue) throws -> LoanCommand {
        try read(value) { fields in
            let reason = fields.optionalString("reason") { FieldRules.line($0, limit: 500) }
            return .cancel(loanID: loanID, reason: reason ?? "")
        }
    }

    private static func read(
        _ value: JSONValue, _ body: (inout FieldReader) -> LoanCommand?
    ) throws -> LoanCommand {
        var reader = FieldReader(value)
        let command = body(&reader)
        let problems = reader.finished()
        guard let command, problems.isEmpty else { throw Problem.invalidFields(problems) }
        return command
    }
}
