import CCrypto

/// The keyed hash HMAC-SHA256 (RFC 2104), computed by libcrypto.
public enum HMACSHA256 {
    /// The authentication code of `message` under `key`, 32 bytes long.
    public static func authenticationCode(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.digestLength) { code, count in
            var length: UInt32 = 0
            // libcrypto takes a missing key as "reuse the last one", so an empty key needs an address of its own.
            let keyBytes = key.isEmpty ? [0] : key
            // One-shot: libcrypto keeps no reference to any of the buffers.
            let result = HMAC(
                EVP_sha256(), keyBytes, Int32(key.count), message, message.count, code.baseAddress, &length)
            precondition(result != nil && length == SHA256.digestLength, "libcrypto cannot compute HMAC-SHA256")
            count = SHA256.digestLength
        }
    }

    /// Whether `code` is the authentication code of `message` under `key`, compared in constant time.
    public static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
        constantTimeEqual(code, authenticationCode(for: message, key: key))
    }
}
