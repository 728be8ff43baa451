import NIOCore
import NIOPosix

/// A client that sends text and reads until an answer ends as expected.
struct LineClient {
    /// Connects, sends each text when the one before was answered with a last line, and returns everything received.
    ///
    /// It stops early when the server closes.
    static func converse(port: Int, _ texts: [String]) async throws -> String {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var received = ""
            var texts = texts[...]
            do {
                for try await bytes in inbound {
                    received += String(buffer: bytes)
                    guard isWhole(received) else { continue }
                    guard let text = texts.popFirst() else { break }
                    try await outbound.write(ByteBuffer(string: text))
                }
            } catch  where error is IOError || error is ChannelError {
                // The server closed while we were writing: what it said before counts.
            }
            return received
        }
    }

    /// Whether the last line is complete and the last of its reply.
    private static func isWhole(_ text: String) -> Bool {
        guard text.hasSuffix("\r\n"), let last = text.split(separator: "\r\n").last else { return false }
        return last.dropFirst(3).first == " "
    }
}
