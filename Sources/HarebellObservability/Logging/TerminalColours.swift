/// When output is coloured.
public enum TerminalColours {
    /// Whether to colour: `NO_COLOR` forbids, `CLICOLOR_FORCE` and `FORCE_COLOR` demand, else a terminal decides.
    public static func areWanted(environment: [String: String], isTerminal: Bool) -> Bool {
        func isSet(_ name: String) -> Bool { !(environment[name] ?? "").isEmpty }
        if isSet("NO_COLOR") { return false }
        if isSet("CLICOLOR_FORCE") && environment["CLICOLOR_FORCE"] != "0" { return true }
        if isSet("FORCE_COLOR") && environment["FORCE_COLOR"] != "0" { return true }
        return isTerminal && environment["TERM"] != "dumb"
    }
}
