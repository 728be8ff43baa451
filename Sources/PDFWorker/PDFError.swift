import Harebell

/// Why a document could not be rendered or stored.
struct PDFError: Error, CustomStringConvertible, FailureClassifying {
    /// What went wrong.
    enum Code: String, Sendable {
        /// The library refused to draw. Trying again with the same document gives the same answer.
        case rendering
        /// The folder does not take the file now: full, read-only, not ours, gone.
        case storage
    }

    let code: Code
    /// The reason, without anything from the document.
    let message: String

    var description: String { message }

    /// A full disk is emptied and a permission is given back; what cannot be drawn stays so.
    var failureClassification: FailureClassification {
        switch code {
        case .rendering: .permanent
        case .storage: .transient(retryAfter: nil)
        }
    }
}
