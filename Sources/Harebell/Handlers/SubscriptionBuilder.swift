/// Collects handlers and subscriptions in the order they are written.
@resultBuilder
public enum SubscriptionBuilder {
    /// A subscription with its own settings.
    public static func buildExpression(_ subscription: Subscription) -> [Subscription] { [subscription] }
    /// A handler with the worker's settings.
    public static func buildExpression(_ handler: some Handler) -> [Subscription] { [Subscription(handler)] }
    /// Subscriptions made elsewhere.
    public static func buildExpression(_ subscriptions: [Subscription]) -> [Subscription] { subscriptions }
    /// All of a block.
    public static func buildBlock(_ parts: [Subscription]...) -> [Subscription] { parts.flatMap { $0 } }
    /// `if` without `else`.
    public static func buildOptional(_ part: [Subscription]?) -> [Subscription] { part ?? [] }
    /// The first branch of `if` and `switch`.
    public static func buildEither(first part: [Subscription]) -> [Subscription] { part }
    /// The other branches of `if` and `switch`.
    public static func buildEither(second part: [Subscription]) -> [Subscription] { part }
    /// `for … in`.
    public static func buildArray(_ parts: [[Subscription]]) -> [Subscription] { parts.flatMap { $0 } }
    /// `if #available`.
    public static func buildLimitedAvailability(_ part: [Subscription]) -> [Subscription] { part }
}
