import HTTPTypes
import LoanEvents

/// An answer that says what is wrong, as RFC 9457 has it.
struct Problem: Error, Equatable {
    let status: HTTPResponse.Status
    /// The last part of the problem's type, stable for programs: `urn:harebell:problem:invalid-fields`.
    let type: String
    /// What kind of problem it is, the same each time.
    let title: String
    /// What is wrong this time.
    let detail: String
    /// The fields it is about.
    var errors: [FieldReader.Problem] = []
    var headers: HTTPFields = [:]
}

extension Problem {
    static func invalidFields(_ problems: [FieldReader.Problem]) -> Problem {
        let names = problems.map { $0.field.isEmpty ? "the body" : $0.field }
        return Problem(
            status: .unprocessableContent, type: "invalid-fields", title: "Invalid fields",
            detail: "Change what is said about: \(names.joined(separator: ", ")).", errors: problems)
    }

    static func malformed(_ error: JSONSyntaxError) -> Problem {
        let place = error.offset.map { " at byte \($0)" } ?? ""
        return Problem(
            status: .badRequest, type: "malformed-json", title: "Malformed JSON",
            detail: "The body \(error.message)\(place).")
    }

    static func invalidHeader(_ name: String, _ rule: String) -> Problem {
        Problem(
            status: .badRequest, type: "invalid-header", title: "Invalid header", detail: "\(name) \(rule).",
            errors: [FieldReader.Problem(field: name, message: rule)])
    }

    static let unsupportedMediaType = Problem(
        status: .unsupportedMediaType, type: "unsupported-media-type", title: "Unsupported media type",
        detail: "Send the body as application/json in UTF-8, without a Content-Encoding.",
        headers: [.accept: "application/json"])

    static func tooLarge(limit: Int) -> Problem {
        Problem(
            status: .contentTooLarge, type: "too-large", title: "Body too large",
            detail: "The body must have at most \(limit) bytes.")
    }

    static let noSuchLoan = Problem(
        status: .notFound, type: "no-such-loan", title: "No such loan", detail: "There is no loan with this id.")

    static let noSuchResource = Problem(
        status: .notFound, type: "no-such-resource", title: "No such resource",
        detail: "There is nothing here. Loans are under /loans.")

    static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> Problem {
        let list = allowed.map(\.rawValue).joined(separator: ", ")
        return Problem(
            status: .methodNotAllowed, type: "method-not-allowed", title: "Method not allowed",
            detail: "Allowed here: \(list).", headers: [.allow: list])
    }

    static func wrongStatus(_ loan: Loan, wanted: String) -> Problem {
        Problem(
            status: .conflict, type: "wrong-status", title: "The loan's status does not allow this",
            detail: "The loan is \(loan.status) and cannot be \(wanted).")
    }

    static let keyReused = Problem(
        status: .unprocessableContent, type: "idempotency-key-reused", title: "Idempotency key reused",
        detail: "This Idempotency-Key was used for another request. Use a new key for a new request.",
        errors: [
            FieldReader.Problem(field: "Idempotency-Key", message: "was used for another request")
        ])

    static let internalError = Problem(
        status: .internalServerError, type: "internal", title: "Internal error",
        detail: "It is not known whether this took effect. Repeat the request with the same Idempotency-Key.",
        headers: [:])

    static let unavailable = Problem(
        status: .serviceUnavailable, type: "unavailable", title: "Unavailable",
        detail: "The database does not answer. Repeat the request with the same Idempotency-Key.",
        headers: [.retryAfter: "1"])
}
