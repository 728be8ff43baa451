/// A setting's name in its four spellings.
///
/// `smtp.passwordFile` is `--smtp-password-file`, `HAREBELL_SMTP_PASSWORD_FILE` and `{"smtp": {"passwordFile": …}}`.
struct SettingKey: Hashable, Sendable {
    /// The dotted name, which the configuration reader is asked with.
    let name: String

    var flag: String { "--" + words.joined(separator: "-") }
    var environmentName: String { "HAREBELL_" + words.joined(separator: "_").uppercased() }

    var filePath: String {
        let parts = name.split(separator: ".")
        guard let last = parts.last else { return name }
        let opening = parts.dropLast().map { "{\"\($0)\": " }.joined()
        return opening + "{\"\(last)\": …}" + String(repeating: "}", count: parts.count - 1)
    }

    private var words: [String] {
        var words: [String] = []
        for part in name.split(separator: ".") {
            var word = ""
            var previous: Character?
            for character in part {
                if character.isUppercase, let previous, previous.isLowercase || previous.isNumber {
                    words.append(word)
                    word = ""
                }
                word += character.lowercased()
                previous = character
            }
            words.append(word)
        }
        return words
    }
}
