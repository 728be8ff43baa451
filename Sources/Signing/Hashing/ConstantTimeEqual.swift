import CCrypto

/// Whether two byte strings are equal, in a time that depends on their lengths only.
///
/// A comparison that stops at the first difference tells an attacker how much of a forged signature is right.
public func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return CRYPTO_memcmp(left, right, left.count) == 0
}
