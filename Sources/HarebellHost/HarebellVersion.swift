/// The version of Harebell that this is.
public enum HarebellVersion {
    /// The version, which `--version` prints and dead letters carry.
    public static let current = "0.1.0"
}
