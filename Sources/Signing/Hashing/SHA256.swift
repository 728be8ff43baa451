import CCrypto

/// The SHA-256 hash function (FIPS 180-4), computed by libcrypto.
public enum SHA256 {
    /// The length of a digest in bytes.
    public static let digestLength = 32

    /// The digest of `bytes`, 32 bytes long.
    public static func digest(of bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: digestLength) { digest, count in
            var length: UInt32 = 0
            // One-shot: libcrypto keeps no reference to either buffer.
            let succeeded = EVP_Digest(bytes, bytes.count, digest.baseAddress, &length, EVP_sha256(), nil)
            precondition(succeeded == 1 && length == digestLength, "libcrypto cannot compute SHA-256")
            count = digestLength
        }
    }
}
