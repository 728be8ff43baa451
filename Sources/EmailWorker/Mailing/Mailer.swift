import Curl
import Harebell
import LoanEvents
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sends a borrower the mail about an event.
///
/// The same event gives the same `Message-ID` on every attempt. Between the server's "taken" and our acknowledgement a
/// crash can still make two mails of it, and so can a server that takes the mail and does not say so in time: SMTP offers
/// nothing better. The second try then waits for ten minutes, so that a slow server does not send one a minute.
struct Mailer: Sendable {
    let client: CurlClient
    let settings: EmailSettings
    var now: @Sendable () -> Date = { Date() }

    func send(_ mail: LoanMail, to borrower: Borrower, context: HandlerContext) async throws {
        let message = MIMEMessage(
            from: settings.sender, to: try recipient(borrower), subject: mail.subject, date: now(),
            messageID: MessageID(eventID: context.idempotencyKey, sender: settings.sender),
            correlationID: context.envelope.correlationID, text: mail.text, html: mail.html)
        do throws(CurlError) {
            let receipt = try await client.submit(
                MailSubmission(
                    relay: settings.relay, sender: settings.sender.address, recipients: [message.to.address],
                    message: message.rendered(), timeout: settings.timeout))
            context.logger.info(
                "mail taken over",
                metadata: [
                    "mail_message_id": "\(message.messageID)", "smtp_status": "\(receipt.status)",
                    "smtp_reply": "\(receipt.reply)",
                ])
        } catch {
            throw Self.failure(error)
        }
    }

    private func recipient(_ borrower: Borrower) throws -> MailAddress {
        do throws(MailAddressError) {
            return try MailAddress(name: borrower.name, address: borrower.email)
        } catch {
            throw PermanentError("the borrower's e-mail address cannot be used: \(error)")
        }
    }

    /// What an error means for the event.
    ///
    /// A mail that the server refuses for good (5yz) is refused for good. A server that cannot be reached or turns
    /// everybody away (greeting, login, TLS) is a fault of the day or of the set-up: the event waits.
    static func failure(_ error: CurlError) -> any Error {
        switch error.code {
        case .cancelled: CancellationError()
        case _ where error.isUnresolved:
            TransientError(
                "the mail server was given the mail and did not say what became of it", retryAfter: .seconds(600),
                underlying: error)
        case _ where error.isRetriable: TransientError("the mail server did not take the mail", underlying: error)
        default: PermanentError("the mail server refuses the mail", underlying: error)
        }
    }
}
