/// Says what kind of failure an error is, and what follows it, where the error itself cannot.
///
/// For errors of other modules, and for failures of one kind that need a policy of their own:
///
/// ```swift
/// Subscription(ReportToPartner(), failures: [
///     .permanent(DecodingError.self),
///     .transient(DatabaseError.self, retry: RetryPolicy(delayed: .exponential(from: .seconds(5), times: 8))) {
///         $0.isBusy
///     },
/// ])
/// ```
/// Rules are asked in order, those of the ``Subscription`` before those of the worker; then the error itself
/// (``FailureClassifying``). What nobody knows is transient.
public struct FailureRule: Sendable {
    /// What a rule says of an error.
    struct Verdict: Sendable {
        let classification: FailureClassification
        /// The policy for this failure; `nil` for the subscription's.
        let retry: RetryPolicy?
    }

    let judge: @Sendable (any Error) -> Verdict?

    private init(_ judge: @escaping @Sendable (any Error) -> Verdict?) {
        self.judge = judge
    }

    /// Errors of a type are permanent: dead letter at once.
    /// - Parameters:
    ///   - type: the type.
    ///   - condition: which of them; all unless given.
    public static func permanent<E: Error>(
        _ type: E.Type, where condition: @escaping @Sendable (E) -> Bool = { _ in true }
    ) -> FailureRule {
        FailureRule { error in
            guard let error = error as? E, condition(error) else { return nil }
            return Verdict(classification: .permanent, retry: nil)
        }
    }

    /// Errors of a type are transient.
    /// - Parameters:
    ///   - type: the type.
    ///   - retry: the policy for them; the subscription's unless given. Attempts are counted over all failures.
    ///   - condition: which of them; all unless given.
    public static func transient<E: Error>(
        _ type: E.Type, retry: RetryPolicy? = nil,
        where condition: @escaping @Sendable (E) -> Bool = { _ in true }
    ) -> FailureRule {
        FailureRule { error in
            guard let error = error as? E, condition(error) else { return nil }
            // An error that knows when to come back is believed.
            let own = FailureClassification(error)
            return Verdict(classification: own == .permanent ? .transient(retryAfter: nil) : own, retry: retry)
        }
    }

    /// Errors of a type say that what the handler depends on is down.
    /// - Parameters:
    ///   - type: the type.
    ///   - condition: which of them; all unless given.
    public static func dependencyDown<E: Error>(
        _ type: E.Type, where condition: @escaping @Sendable (E) -> Bool = { _ in true }
    ) -> FailureRule {
        FailureRule { error in
            guard let error = error as? E, condition(error) else { return nil }
            let retryAfter = FailureClassification(error).retryAfter
            return Verdict(classification: .dependencyDown(retryAfter: retryAfter), retry: nil)
        }
    }

    /// Asks for a delay that errors of a type carry.
    /// - Parameters:
    ///   - type: the type.
    ///   - delay: when to try again; `nil` if this rule does not apply.
    public static func retryAfter<E: Error>(
        _ type: E.Type, _ delay: @escaping @Sendable (E) -> Duration?
    ) -> FailureRule {
        FailureRule { error in
            guard let error = error as? E, let delay = delay(error) else { return nil }
            return Verdict(classification: .transient(retryAfter: delay), retry: nil)
        }
    }
}

extension [FailureRule] {
    /// The first rule that knows the error, or what the error says of itself.
    func verdict(on error: any Error) -> FailureRule.Verdict {
        for rule in self {
            if let verdict = rule.judge(error) { return verdict }
        }
        return FailureRule.Verdict(classification: FailureClassification(error), retry: nil)
    }
}
