/// A program that the supervisor keeps running.
public struct ServiceDescription: Sendable {
    /// What it is called in events: `email`.
    public var name: String
    /// The path of the executable.
    public var executable: String
    /// Its arguments.
    ///
    /// Everybody on the machine can read them: secrets belong into the environment.
    public var arguments: [String]
    /// Its whole environment: nothing is inherited.
    public var environment: [String: String]
    /// The directory it runs in; nil for the current one.
    public var directory: String?

    /// Describes a program.
    public init(
        name: String, executable: String, arguments: [String] = [], environment: [String: String] = [:],
        directory: String? = nil
    ) {
        self.name = name
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
    }
}
