#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A CloudEvent in structured mode (JSON format 1.0 §3): attributes and data in one JSON object.
struct StructuredCloudEvent {
    /// The attributes that Harebell reads.
    struct Attributes: Decodable {
        let specversion: String
        let id: String
        let source: String
        let type: String
        let time: String?
        let subject: String?
        let dataschema: String?
        let datacontenttype: String?
        let partitionkey: String?
        let sequence: String?
        let data_base64: String?
    }

    /// Why a body is not a structured CloudEvent.
    enum ParsingError: Error, CustomStringConvertible {
        case attributes
        case base64

        var description: String {
            switch self {
            case .attributes: "its JSON lacks a required attribute, or is not an object"
            case .base64: "its data_base64 is not base64"
            }
        }
    }

    let attributes: Attributes
    /// The bytes of `data`, exactly as they stand in the message: numbers are never re-encoded.
    let data: [UInt8]

    init(parsing body: [UInt8]) throws {
        do {
            attributes = try JSONDecoder().decode(Attributes.self, from: Data(body))
        } catch {
            // The decoder's words could quote the body.
            throw ParsingError.attributes
        }
        if let encoded = attributes.data_base64 {
            guard let decoded = Data(base64Encoded: encoded) else { throw ParsingError.base64 }
            data = [UInt8](decoded)
        } else {
            data = JSONMember.find("data", in: body).map { Array(body[$0]) } ?? []
        }
    }
}

/// Finds a member of a JSON object that is known to be valid, without decoding its value.
enum JSONMember {
    /// The range of the bytes of the value of the top-level member `name`, or nil when there is none.
    static func find(_ name: String, in json: [UInt8]) -> Range<Int>? {
        var scanner = Scanner(json: json)
        scanner.skipWhitespace()
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        while true {
            scanner.skipWhitespace()
            guard let key = scanner.string() else { return nil }
            scanner.skipWhitespace()
            guard scanner.take(UInt8(ascii: ":")) else { return nil }
            scanner.skipWhitespace()
            let start = scanner.index
            guard scanner.skipValue() else { return nil }
            if json[key].elementsEqual(name.utf8) { return start..<scanner.index }
            scanner.skipWhitespace()
            guard scanner.take(UInt8(ascii: ",")) else { return nil }
        }
    }

    private struct Scanner {
        let json: [UInt8]
        var index = 0

        mutating func skipWhitespace() {
            while index < json.count, [0x20, 0x09, 0x0A, 0x0D].contains(json[index]) { index += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard index < json.count, json[index] == byte else { return false }
            index += 1
            return true
        }

        /// The range between the quotes.
        mutating func string() -> Range<Int>? {
            guard take(UInt8(ascii: "\"")) else { return nil }
            let start = index
            while index < json.count {
                switch json[index] {
                case UInt8(ascii: "\\"): index += 2
                case UInt8(ascii: "\""):
                    index += 1
                    return start..<(index - 1)
                default: index += 1
                }
            }
            return nil
        }

        /// Skips one value without recursion, so that depth costs nothing.
        mutating func skipValue() -> Bool {
            var depth = 0
            while index < json.count {
                switch json[index] {
                case UInt8(ascii: "\""):
                    guard string() != nil else { return false }
                    if depth == 0 { return true }
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                    index += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return true }
                    depth -= 1
                    index += 1
                    if depth == 0 { return true }
                case UInt8(ascii: ","):
                    if depth == 0 { return true }
                    index += 1
                default:
                    index += 1
                    if depth == 0, index < json.count,
                        [0x20, 0x09, 0x0A, 0x0D].contains(json[index])
                    {
                        return true
                    }
                }
            }
            return depth == 0
        }
    }
}
