/// A user and a password.
///
/// Neither description nor reflection shows the password.
public struct Credentials: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The user's name.
    public let username: String
    let password: String

    /// A user and a password.
    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    /// The user's name.
    public var description: String { "\(username):…" }

    /// The user's name.
    public var debugDescription: String { description }

    /// The user's name only.
    public var customMirror: Mirror { Mirror(self, children: ["username": username]) }

    var problem: String? {
        let isClean = [username, password].allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }
        return isClean ? nil : "the user or password holds a control character"
    }
}
