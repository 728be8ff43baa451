import NIOCore

/// What was decoded means the same where it is read in place, and after it was encoded and decoded again.
enum FuzzProperties {
    static func run(_ bytes: UnsafeRawBufferPointer, isTable: Bool) throws(FuzzFinding) {
        let first: BasicProperties
        do {
            first = try decode(bytes, isTable: isTable)
        } catch {
            guard error.code == .malformed else { throw FuzzFinding("the bytes were refused with \(error)") }
            return
        }
        if !isTable { try readInPlace(bytes, first) }
        guard let encoded = try encode(first) else { return }
        let second = try again(encoded)
        guard canonical(second) == canonical(first) else {
            throw FuzzFinding("\(first)\ncame back as \(second)")
        }
        // Byte by byte too, since equal strings may have different bytes.
        guard try encode(second) == encoded else { throw FuzzFinding("\(second) is encoded in another way") }
    }

    private static func decode(
        _ bytes: UnsafeRawBufferPointer, isTable: Bool
    ) throws(AMQPError) -> BasicProperties {
        guard isTable else { return try BasicProperties(encoded: bytes) }
        var properties = BasicProperties()
        properties.headers = try FieldTable(encoded: bytes)
        return properties
    }

    /// Twice, since the second time reads into memory that was in use the first time.
    private static func readInPlace(_ bytes: UnsafeRawBufferPointer, _ expected: BasicProperties) throws(FuzzFinding) {
        let reader = PropertiesReader()
        for _ in 0..<2 {
            var seen = BasicProperties()
            var strangeTexts: [FieldValue] = []
            let isShown = reader.read(bytes) { shown in
                seen.contentType = shown.contentType?.string
                seen.correlationID = shown.correlationID?.string
                seen.appID = shown.appID?.string
                _ = shown.allHeaders { key, value in
                    let copy = value.value
                    seen.headers.append(key.string, copy)
                    if value.asciiText?.string != asciiText(copy) { strangeTexts.append(copy) }
                    return true
                }
            }
            guard isShown else {
                guard bytes.count > PropertiesReader.largest else { throw FuzzFinding("not shown: \(expected)") }
                return
            }
            guard seen.contentType == expected.contentType, seen.correlationID == expected.correlationID,
                seen.appID == expected.appID, canonical(seen.headers) == canonical(expected.headers)
            else { throw FuzzFinding("\(expected)\nwas shown as \(seen)") }
            guard strangeTexts.isEmpty else { throw FuzzFinding("shown as other texts: \(strangeTexts)") }
        }
    }

    private static func asciiText(_ value: FieldValue) -> String? {
        guard case .string(let text) = value, text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        return text
    }

    private static func again(_ encoded: [UInt8]) throws(FuzzFinding) -> BasicProperties {
        let result: Result<BasicProperties, AMQPError> = encoded.withUnsafeBytes { bytes in
            Result { () throws(AMQPError) in try BasicProperties(encoded: bytes) }
        }
        switch result {
        case .success(let properties): return properties
        case .failure(let error): throw FuzzFinding("what we encoded cannot be decoded: \(error)")
        }
    }

    /// The property list; `nil` if it holds what we receive and do not send.
    private static func encode(_ properties: BasicProperties) throws(FuzzFinding) -> [UInt8]? {
        var writer = FrameWriter()
        writer.frameMax = 1 << 20
        let message = OutgoingMessage(exchange: "", routingKey: "", properties: properties, body: [])
        do {
            let range = try writer.write(message, channel: 1)
            return writer.batch.withUnsafeReadableBytes { Array($0[range]) }
        } catch {
            guard error.code == .invalidArgument, isUnsendable(properties.headers) else {
                throw FuzzFinding("what we decoded cannot be encoded: \(error)")
            }
            return nil
        }
    }

    /// Whether a table holds a key or a number that is taken from others and not sent.
    private static func isUnsendable(_ table: FieldTable) -> Bool {
        table.fields.contains { $0.key.utf8.count > CodecLimits.sentKeyBytes || isUnsendable($0.value) }
    }

    private static func isUnsendable(_ value: FieldValue) -> Bool {
        switch value {
        case .uint64(let number): number > UInt64(Int64.max)
        case .array(let values): values.contains(where: isUnsendable)
        case .table(let table): isUnsendable(table)
        default: false
        }
    }

    /// With what may come back in another form, and what does not equal itself, replaced.
    private static func canonical(_ properties: BasicProperties) -> BasicProperties {
        var properties = properties
        properties.headers = canonical(properties.headers)
        return properties
    }

    private static func canonical(_ table: FieldTable) -> FieldTable {
        var canonical = FieldTable()
        for field in table.fields { canonical.append(field.key, Self.canonical(field.value)) }
        return canonical
    }

    private static func canonical(_ value: FieldValue) -> FieldValue {
        switch value {
        case .uint64(let number): .int64(Int64(truncatingIfNeeded: number))
        case .float(let number): .uint32(number.bitPattern)
        case .double(let number): .int64(Int64(bitPattern: number.bitPattern))
        case .array(let values): .array(values.map(canonical))
        case .table(let table): .table(canonical(table))
        default: value
        }
    }
}
