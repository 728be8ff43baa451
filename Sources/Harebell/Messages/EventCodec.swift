#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How events become bytes and back: JSON with sorted keys and ISO 8601 dates with milliseconds.
package enum EventCodec {
    package static func encode(_ event: some Event) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            // The format cuts: half a millisecond more, and a double just below a millisecond keeps it.
            try container.encode((date.wholeMilliseconds + 0.0005).formatted(withMilliseconds))
        }
        do {
            return Array(try encoder.encode(event))
        } catch let error as EncodingError {
            throw HarebellError(.encodingFailed, explain(error, type(of: event)), underlying: nil)
        } catch {
            throw HarebellError(
                .encodingFailed, "\(type(of: event)) cannot be written as JSON: \(type(of: error))", underlying: nil)
        }
    }

    package static func decode<E: Event>(_ type: E.Type, from body: [UInt8]) throws -> E {
        do {
            return try decoder.decode(E.self, from: Data(body))
        } catch {
            // Neither the value nor Foundation's text about it is kept: both may hold what must not be logged.
            throw HarebellError(.decodingFailed, explain(error, type), underlying: nil)
        }
    }

    /// One for all: decoding changes nothing in it.
    private static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            guard let date = InternetTime.parse(text) else { throw NotADate(path: path(decoder.codingPath)) }
            return date
        }
        return decoder
    }()

    private static let withMilliseconds = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private struct NotADate: Error { let path: String }

    private static func explain(_ error: any Error, _ type: Any.Type) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            return "\(type): field \"\(path(context.codingPath + [key]))\" is missing"
        case DecodingError.valueNotFound(let expected, let context):
            return "\(type): field \"\(path(context.codingPath))\" is null, expected \(expected)"
        case DecodingError.typeMismatch(let expected, let context):
            return context.codingPath.isEmpty
                ? "\(type): the body is not a JSON object of this type"
                : "\(type): field \"\(path(context.codingPath))\" is not of type \(expected)"
        case DecodingError.dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "\(type): the body is not JSON" : "\(type): field \"\(path(context.codingPath))\" is not valid"
        case let error as NotADate:
            return "\(type): field \"\(error.path)\" is not an ISO 8601 date"
        default:
            return "\(type): refused by \(Swift.type(of: error))"
        }
    }

    private static func explain(_ error: EncodingError, _ type: Any.Type) -> String {
        guard case .invalidValue(_, let context) = error else { return "\(type) cannot be written as JSON" }
        return "\(type): field \"\(path(context.codingPath))\" cannot be written as JSON"
    }

    /// `borrower.emails[2]`, at most 200 characters: keys of dictionaries come from the message.
    private static func path(_ keys: [any CodingKey]) -> String {
        var text = ""
        for key in keys {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return text.isEmpty ? "(the body itself)" : String(text.prefix(200))
    }
}
