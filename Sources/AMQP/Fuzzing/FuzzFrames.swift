import NIOCore

/// An input read as a conversation: whole frames with right lengths and end bytes, and calls between them.
///
/// Each step begins with a byte: bits 0–1 are the kind (method, header, body, call), bits 2–4 the channel. A frame has a
/// length byte (in units of 16 if bit 7 is set) and so much payload; a call has two bytes, see ``call(_:_:_:on:)``.
struct FuzzFrames {
    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes[...]
    }

    private mutating func next() -> UInt8? { rest.popFirst() }

    mutating func run(on prepared: FuzzConnection) throws(FuzzFinding) {
        var connection = prepared.begin()
        while let head = next(), let value = next() {
            let channel = UInt16(head >> 2 & 7)
            if head & 3 == 3 {
                call(value & 15, value >> 4, next() ?? 0, on: channel, of: &connection)
            } else {
                let size = head & 0x80 == 0 ? Int(value) : Int(value) * 16
                receive(head & 3 + 1, channel, rest.prefix(size), on: &connection)
                rest = rest.dropFirst(size)
            }
        }
        _ = try connection.finish()
    }

    private func receive(
        _ kind: UInt8, _ channel: UInt16, _ payload: Slice<UnsafeRawBufferPointer>, on connection: inout FuzzConnection
    ) {
        var frame = [kind] + FuzzConnection.bytes(channel) + FuzzConnection.bytes(UInt32(payload.count))
        frame += payload
        frame.append(FrameScanner.end)
        frame.withUnsafeBytes { connection.receive($0) }
    }

    /// What the program, its socket and its clock do while the broker talks.
    private func call(
        _ what: UInt8, _ detail: UInt8, _ number: UInt8, on channel: UInt16, of connection: inout FuzzConnection
    ) {
        switch what {
        case 0: connection.write()
        case 1: connection.advance(.milliseconds(Int64(number) * 100))
        case 2:
            let body = Array(repeating: number, count: Int(detail) * 512)
            connection.publish(id: number & 1 == 0 ? nil : "m\(number)", body: body, on: channel)
        case 3: connection.openChannel(confirms: detail & 1 != 0)
        case 4:
            let (method, kind) = FuzzConnection.calls[Int(detail) % FuzzConnection.calls.count]
            connection.call(method, kind, on: channel)
        case 5: connection.consume("t\(number)", on: channel)
        case 6: connection.perform { $0.cancelCall(UInt64(number), on: detail & 1 == 0 ? nil : channel) }
        case 7: [8, 0, 0, 0, 0, 0, 0, FrameScanner.end].withUnsafeBytes { connection.receive($0) }
        case 8: connection.close()
        case 9: connection.perform { $0.disconnected(detail & 1 == 0 ? nil : AMQPError(.tlsFailed, "broken")) }
        default: callChannel(what, detail, number, channel, &connection)
        }
    }

    private func callChannel(
        _ what: UInt8, _ detail: UInt8, _ number: UInt8, _ channel: UInt16, _ connection: inout FuzzConnection
    ) {
        guard let id = connection.id(of: channel) else { return }
        switch what {
        case 10: connection.perform { $0.cancelPublishes([UInt64(number)], on: id) }
        case 11: connection.perform { _ = $0.settle(UInt64(number), .acknowledge, on: id) }
        case 12: connection.perform { _ = $0.settle(UInt64(number), .reject(requeue: detail & 1 != 0), on: id) }
        case 13: connection.closeChannel(id, isAwaited: detail & 1 != 0)
        case 14: connection.perform { $0.forget(id) }
        default: connection.awaitEnd(of: id, isCancelled: detail & 1 != 0)
        }
    }
}
