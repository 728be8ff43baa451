import NIOCore
import NIOPosix

/// Reads what a process writes, line by line, until nobody holds the pipe any more.
final class ProcessOutput: Sendable {
    /// The end for the process; closed here once the process has it.
    private let pipe: Pipe
    private let channel: any Channel

    /// The descriptor to give to the process.
    var writing: Int32 { pipe.writing }

    init(_ line: @escaping @Sendable (String) -> Void) async throws {
        let pipe = try Pipe()
        self.pipe = pipe
        do {
            channel = try await NIOPipeBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(LineReader(line))
                    }
                }
                .takingOwnershipOfDescriptor(input: pipe.reading).get()
        } catch {
            pipe.closeBoth()
            throw error
        }
    }

    /// The process has its copy: from now on its end is the output's end.
    func handedOver() { pipe.closeWriting() }

    /// Returns when everything was read; a grandchild that keeps the pipe open is not waited for longer than `limit`.
    func drain(within limit: Duration = .seconds(1)) async {
        let closing = channel.closeFuture
        let scheduled = channel.eventLoop.scheduleTask(in: TimeAmount(limit)) { [channel] in
            channel.close(promise: nil)
        }
        try? await closing.get()
        scheduled.cancel()
    }
}

private final class LineReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var splitter = LineSplitter()
    private let line: @Sendable (String) -> Void

    init(_ line: @escaping @Sendable (String) -> Void) {
        self.line = line
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for text in splitter.append(unwrapInboundIn(data).readableBytesView) { line(text) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let text = splitter.finish() { line(text) }
        context.fireChannelInactive()
    }
}
