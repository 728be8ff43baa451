/// What a table from the network or from a caller may cost.
enum CodecLimits {
    /// How deep tables and arrays may nest.
    ///
    /// librabbitmq before 0.14 recurses without a limit.
    static let depth = 32
    /// How many fields and array elements one message's tables may hold together.
    static let fields = 4096
    /// How many bytes a key has at most in what we send (AMQP 0-9-1 §4.2.5.5).
    static let sentKeyBytes = 128
    /// How many bytes a short string can have.
    static let shortString = 255
    /// The smallest frame size a peer may ask for.
    static let minimumFrameMax: UInt32 = 4096
    /// By how much a content-header frame may exceed the frame size: brokers add headers of their own to it.
    static let headerExcess = 65_536
}
