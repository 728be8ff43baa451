/// Sends HTTP requests and mail over libcurl, on one thread of its own.
///
/// Any number of transfers run at once on that thread; connections are kept and used again. No call blocks the
/// caller's thread. Cancelling the calling task removes its transfer at once and closes its connection.
///
/// The thread runs until ``shutdown()`` or until the client is released.
public final class CurlClient: Sendable {
    let configuration: CurlConfiguration
    let thread: TransferThread

    /// A client with its thread started.
    public init(configuration: CurlConfiguration = .init()) throws(CurlError) {
        self.configuration = configuration
        self.thread = try TransferThread.start(configuration: configuration)
    }

    deinit {
        thread.stop()
    }

    /// Sends a request and waits for the whole response, whatever its status.
    public func send(_ request: HTTPRequest) async throws(CurlError) -> HTTPResponse {
        let url = try request.validated(by: configuration)
        return try await traced(request, to: url) { request throws(CurlError) in
            let reply = try await run(.http(request, url))
            return HTTPResponse(status: reply.status, fields: reply.fields, body: reply.body)
        }
    }

    /// Hands a mail to a server and waits until it has taken it over.
    ///
    /// Returns only after the server's 250 for the message. An error with ``CurlError/Code/timedOut`` or
    /// ``CurlError/Code/connectionLost`` leaves open whether the mail was taken.
    public func submit(_ mail: MailSubmission) async throws(CurlError) -> MailReceipt {
        let url = try mail.validated(by: configuration)
        return try await traced(mailTo: url) { () throws(CurlError) in
            let reply = try await run(.mail(mail, url))
            return MailReceipt(status: reply.status, reply: reply.lastLine)
        }
    }

    /// Fails what is under way with ``CurlError/Code/closed`` and stops the thread.
    ///
    /// Further calls fail at once.
    ///
    /// Returns when every transfer has ended. The thread then takes leave of idle connections (SMTP's QUIT) and ends.
    public func shutdown() async {
        await thread.stopAndWait()
    }

    private func run(_ job: Job) async throws(CurlError) -> Reply {
        let call = Call(job)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                call.begin(continuation)
                thread.start(call)
            }
        } onCancel: {
            call.cancel()
            thread.cancel(call)
        }
        return try result.get()
    }
}
