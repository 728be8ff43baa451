public import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// An SMTP server on loopback that keeps every message as a file and delivers none.
///
/// It speaks enough of ESMTP for real clients (pipelining, SIZE, 8BITMIME, SMTPUTF8, and STARTTLS and AUTH if
/// configured), answers 250 only when the message's file is in its place, and can be told to misbehave.
public final class MailSink: Sendable {
    private let server: any Channel
    private let connections: OpenConnections
    private let mailbox: Mailbox

    /// The port on 127.0.0.1.
    public let port: Int
    /// The folder with the `.eml` files.
    public let directory: String
    /// `smtp://127.0.0.1:port`.
    public var url: String { "smtp://127.0.0.1:\(port)" }
    /// Every message kept so far, oldest first.
    public var messages: [MailMessage] { mailbox.messages }

    private init(
        server: any Channel, port: Int, directory: String, connections: OpenConnections, mailbox: Mailbox
    ) {
        self.server = server
        self.port = port
        self.directory = directory
        self.connections = connections
        self.mailbox = mailbox
    }

    /// Starts to listen.
    public static func start(_ configuration: Configuration, logger: Logger) async throws -> MailSink {
        let directory = absolutePath(configuration.directory)
        let store = try MailStore(directory: directory)
        let tls = try configuration.tls.map { files in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: NIOSSLCertificate.fromPEMFile(files.certificateFile).map { .certificate($0) },
                    privateKey: .privateKey(NIOSSLPrivateKey(file: files.keyFile, format: .pem))))
        }
        let (mailbox, connections) = (Mailbox(), OpenConnections(limit: configuration.limits.connections))
        let options = SMTPSession.Options(
            hostname: configuration.hostname, credentials: configuration.credentials,
            offersTLS: tls != nil, requiresTLS: configuration.requiresTLS, refusal: mailbox.refusal)
        let keep = { @Sendable (envelope: SMTPEnvelope, loop: any EventLoop) -> EventLoopFuture<SMTPReply> in
            NIOThreadPool.singleton.runIfActive(eventLoop: loop) { () -> SMTPReply in
                let message = try store.keep(envelope)
                mailbox.add(message)
                let name = message.path.split(separator: "/").last ?? ""
                return SMTPReply(250, "2.0.0 OK: kept as \(name)")
            }.flatMapErrorThrowing { error in
                logger.error("a message could not be kept", metadata: ["error": "\(error)"])
                return SMTPReply(451, "4.3.0 The message could not be kept")
            }
        }
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                guard connections.add(channel) else {
                    return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
                }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(readTimeout: TimeAmount(configuration.limits.idle)))
                    let session = SMTPSession(limits: configuration.limits, options: options)
                    try pipeline.addHandler(SMTPHandler(session: session, tls: tls, keep: keep))
                }
            }
            .bind(host: "127.0.0.1", port: configuration.port).get()
        return MailSink(
            server: server, port: server.localAddress?.port ?? 0, directory: directory, connections: connections,
            mailbox: mailbox)
    }

    /// The messages that are kept from now on; the stream ends with the sink.
    public func announcements() -> AsyncStream<MailMessage> { mailbox.announcements() }

    /// Refuses recipients from now on whose address matches a pattern, in which `*` stands for anything.
    ///
    /// - Parameters:
    ///   - pattern: such as `*@example.com`; case does not matter.
    ///   - code: the reply's code: 4xx for now, 5xx for good.
    ///   - text: the reply's text.
    public func refuse(recipients pattern: String, code: Int, text: String = "Refused by rule") {
        precondition((400..<600).contains(code), "a refusal is a 4xx or a 5xx reply")
        mailbox.add(RecipientRule(pattern: pattern, reply: SMTPReply(code, "\(code / 100).7.1 \(text)")))
    }

    /// Accepts every recipient again.
    public func acceptAllRecipients() { mailbox.removeRules() }

    /// Stops to listen, closes what is connected and ends the announcements.
    public func stop() async {
        try? await server.close()
        await connections.closeAll()
        mailbox.close()
    }
}
