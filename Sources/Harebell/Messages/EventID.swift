#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The identity of one event, from its first publish through every retry, dead letter and replay.
///
/// Harebell's own ids are UUIDs of version 7, so they sort by the time they were made. Foreign ids are kept as they are.
public struct EventID: Hashable, Sendable, CustomStringConvertible {
    /// The id as text.
    public let rawValue: String

    /// Takes an id as it is.
    public init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// A new id: a UUIDv7 that is greater than every id this process made before.
    public static func make() -> EventID {
        let now = UInt64(max(0, Date().timeIntervalSince1970 * 1_000))
        var random = SystemRandomNumberGenerator()
        return EventID(UUIDv7Sequence.process.next(milliseconds: now, using: &random))
    }

    /// The id of an event that a handler published while it handled another one.
    ///
    /// It depends on nothing but its arguments, so a handler that runs a second time publishes the same ids and the
    /// receivers can tell that they have seen them.
    /// - Parameters:
    ///   - incoming: the event that was being handled.
    ///   - service: the service that handled it.
    ///   - handler: the handler's name.
    ///   - index: the position among the events that this run of the handler published, from 0.
    public static func derived(from incoming: EventID, service: ServiceName, handler: String, index: Int) -> EventID {
        var hash = SHA256()
        for part in [incoming.rawValue, service.rawValue, handler, String(index)] {
            // The length before each part keeps ("ab", "c") and ("a", "bc") apart.
            hash.update(Array("\(part.utf8.count):".utf8))
            hash.update(Array(part.utf8))
        }
        return EventID(UUIDText.make(Array(hash.finalized().prefix(16)), version: 8))
    }

    /// The id as text.
    public var description: String { rawValue }
}

extension EventID: Codable {
    /// Reads the bare text.
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the bare text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
