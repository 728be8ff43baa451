/// The bytes between DATA and the line with a single dot.
///
/// Only CR LF ends a line: a server that also takes a bare LF can be made to see a second message inside the first.
struct SMTPBody {
    private(set) var content: [UInt8] = []
    /// The first rule that the message broke: it is read to its end and then refused.
    private(set) var problem: SMTPReply?
    private var received = 0
    /// Bytes of the line that has not ended yet and were taken from the input already.
    private var pending: [UInt8] = []

    /// Takes whole lines from the input; true when the final dot was seen.
    mutating func take(_ input: [UInt8], from index: inout Int, limits: MailSink.Limits) -> Bool {
        while let newline = input[index...].firstIndex(of: UInt8(ascii: "\n")) {
            let piece = input[index...newline]
            index = newline + 1
            received += piece.count
            let previous = piece.count > 1 ? piece[piece.endIndex - 2] : pending.last
            if previous != UInt8(ascii: "\r") { problem = problem ?? Self.bareNewline }
            pending.append(contentsOf: piece)
            // The line goes on: its end is the next CR LF.
            if previous != UInt8(ascii: "\r") { continue }
            if pending.elementsEqual([UInt8(ascii: "."), 13, 10]) { return true }
            endLine(limits)
        }
        // An endless line is not kept: 1 000 bytes of it are enough to refuse the message.
        received += input.count - index
        if problem == nil || pending.count < limits.lineLength { pending.append(contentsOf: input[index...]) }
        index = input.count
        if pending.count > limits.lineLength {
            problem = problem ?? Self.lineTooLong
            let last = pending.last
            pending = [UInt8(ascii: "x"), last ?? 0]
        }
        return false
    }

    /// Whether so much came that reading on is pointless.
    func isHopeless(_ limits: MailSink.Limits) -> Bool { received > limits.messageSize * 4 + 65_536 }

    private mutating func endLine(_ limits: MailSink.Limits) {
        if pending.count > limits.lineLength { problem = problem ?? Self.lineTooLong }
        let line = pending.first == UInt8(ascii: ".") ? pending.dropFirst() : pending[...]
        if content.count + line.count > limits.messageSize { problem = problem ?? .tooLarge }
        if problem == nil { content.append(contentsOf: line) } else { content = [] }
        pending.removeAll(keepingCapacity: true)
    }

    private static let bareNewline = SMTPReply(550, "5.6.0 A line ends without CR LF")
    private static let lineTooLong = SMTPReply(554, "5.6.0 A line is longer than 1000 octets")
}
