/// A body frame whose beginning was taken before the rest had arrived.
struct PartialBody: Sendable {
    let head: Frame.Head
    /// How many bytes of the payload have not come.
    var missing: Int
}

/// A large body goes from the network's memory into the message's, once, however it was cut by the network.
///
///     whole frames ──head of a body frame that is due──► parts ──payload complete, end byte──► whole frames
///
/// A frame that is not due is never taken in parts: it is refused when it is whole, and not before, so that what the
/// broker sends means the same in whichever pieces it arrives.
extension ConnectionMachine {
    /// Takes the beginning of a body frame that has not arrived whole; returns how many bytes were used.
    mutating func beginBody(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Int {
        guard let head = try scanner.head(in: bytes), head.kind == .body, head.length >= smallestPartialBody,
            Int(head.channel) < channels.count,
            channels[Int(head.channel)]?.expectsBody(of: head.length) == true
        else { return 0 }
        partialBody = PartialBody(head: head, missing: head.length)
        let rest = UnsafeRawBufferPointer(rebasing: bytes[Frame.Head.size...])
        return try Frame.Head.size + continueBody(rest)
    }

    /// Takes what has come of the body frame that was begun; returns how many bytes were used.
    mutating func continueBody(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Int {
        guard var partial = partialBody else { return 0 }
        let number = Int(partial.head.channel)
        let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(partial.missing))
        partial.missing -= part.count
        partialBody = partial
        channels[number]?.receiveBodyPart(part)
        guard partial.missing == 0, part.count < bytes.count else { return part.count }
        try scanner.check(end: bytes[part.count], of: partial.head)
        partialBody = nil
        if try channels[number]?.endBody(&out) == true { noteDeliveries(on: partial.head.channel) }
        return part.count + 1
    }
}
