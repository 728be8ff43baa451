/// A condition did not come true, or a value did not appear, before its deadline.
public struct DeadlinePassed: Error, CustomStringConvertible {
    /// What was awaited, and where.
    public let description: String
}

/// Awaits that a condition becomes true, and throws when it does not within the limit.
public func eventually(
    _ what: String = "the condition", within limit: Duration = .seconds(10), file: String = #fileID,
    line: Int = #line, _ condition: () async throws -> Bool
) async throws {
    _ = try await eventualValue(what, within: limit, file: file, line: line) {
        try await condition() ? true : nil
    }
}

/// Awaits that a value appears, and throws when it does not within the limit.
public func eventualValue<Value>(
    _ what: String = "the value", within limit: Duration = .seconds(10), file: String = #fileID, line: Int = #line,
    _ value: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while true {
        if let value = try await value() { return value }
        guard ContinuousClock.now < end else {
            throw DeadlinePassed(description: "\(what) did not come within \(limit) (\(file):\(line))")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// A name that no other test uses.
public func uniqueName(_ prefix: String = "test") -> String {
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    return prefix + "-" + String((0..<10).map { _ in letters.randomElement() ?? "x" })
}
