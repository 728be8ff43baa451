extension MailSink {
    /// Where the sink listens, what it keeps and what it asks of clients.
    public struct Configuration: Sendable {
        /// The folder for the `.eml` files; made when it is missing.
        public var directory: String
        /// The port on 127.0.0.1; 0 takes a free one.
        public var port: Int
        /// The name that the server greets with.
        public var hostname = "localhost"
        /// The user and password that clients must prove; nil asks for none.
        public var credentials: Credentials?
        /// Certificate and key for STARTTLS; nil offers none.
        public var tls: TLS?
        /// Whether mail and passwords are refused until the connection is encrypted.
        public var requiresTLS = false
        /// What is too much.
        public var limits = Limits()

        /// A sink that keeps messages in `directory`.
        public init(directory: String, port: Int = 0) {
            self.directory = directory
            self.port = port
        }
    }

    /// A user and a password.
    public struct Credentials: Sendable, Hashable {
        /// The user's name.
        public let user: String
        /// The password.
        public let password: String

        /// Makes credentials.
        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }
    }

    /// The files for STARTTLS, in PEM.
    public struct TLS: Sendable, Hashable {
        /// The certificate, with the intermediate ones if there are any.
        public let certificateFile: String
        /// The private key.
        public let keyFile: String

        /// Names the files.
        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// What a client may ask of the sink.
    public struct Limits: Sendable, Hashable {
        /// Bytes of a message.
        public var messageSize = 26_214_400
        /// Bytes of a line of a message, with its CR LF (RFC 5321 §4.5.3.1.6).
        public var lineLength = 1000
        /// Bytes of a command; long enough for the base64 of a password.
        public var commandLength = 4096
        /// Recipients of a message.
        public var recipients = 100
        /// Refused commands before the connection is closed.
        public var errors = 20
        /// Connections at a time.
        public var connections = 200
        /// Time without a byte before the connection is closed.
        public var idle: Duration = .seconds(60)

        /// The defaults.
        public init() {}
    }
}
