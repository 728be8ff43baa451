/// A reply for recipients whose address matches a pattern: a way to make a mail server misbehave.
struct RecipientRule: Sendable {
    /// An address in which `*` stands for any characters.
    let pattern: String
    let reply: SMTPReply

    func matches(_ address: String) -> Bool {
        Self.match(Array(pattern.lowercased())[...], Array(address.lowercased())[...])
    }

    /// Linear matching with one point to come back to: a pattern never costs more than pattern × address.
    private static func match(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
        var (p, t) = (pattern.startIndex, text.startIndex)
        var star: (pattern: Int, text: Int)?
        while t < text.endIndex {
            if p < pattern.endIndex, pattern[p] == "*" {
                star = (p, t)
                p += 1
            } else if p < pattern.endIndex, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                p = last.pattern + 1
                t = last.text + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }
}
