/// Which IP addresses may be connected to.
///
/// It judges the address that is really connected to, after name resolution, so a name that resolves to an internal
/// address (or does so the second time it is asked) gains nothing.
public enum AddressPolicy: Sendable, Hashable {
    /// Any address.
    case any
    /// Addresses of the public internet: no loopback, private, link-local, shared, documentation, multicast or
    /// reserved address, and no IPv6 form of one.
    case publicOnly
    /// This machine.
    case loopbackOnly

    /// Whether the address, 4 or 16 bytes in network order, may be connected to.
    func allows(_ address: [UInt8]) -> Bool {
        switch self {
        case .any: true
        case .publicOnly: Self.isPublic(address)
        case .loopbackOnly: Self.isLoopback(address)
        }
    }

    private static func isLoopback(_ address: [UInt8]) -> Bool {
        switch address.count {
        case 4: address[0] == 127
        case 16: address == Array(repeating: 0, count: 15) + [1]
        default: false
        }
    }

    private static func isPublic(_ address: [UInt8]) -> Bool {
        switch address.count {
        case 4: !nonPublicIPv4.contains { $0.contains(address) }
        case 16:
            if address.starts(with: nat64) {
                // A translator would connect to the IPv4 address inside.
                isPublic(Array(address.suffix(4)))
            } else {
                // Global unicast is 2000::/3; mapped, compatible, unique local, link-local and multicast lie outside.
                address[0] & 0xE0 == 0x20 && !nonPublicIPv6.contains { $0.contains(address) }
            }
        default: false
        }
    }

    private struct Network {
        let bytes: [UInt8]
        let bits: Int

        init(_ bytes: [UInt8], _ bits: Int) {
            self.bytes = bytes
            self.bits = bits
        }

        func contains(_ address: [UInt8]) -> Bool {
            (0..<bits).allSatisfy { bit in
                let mask: UInt8 = 0x80 >> (bit % 8)
                let own = bit / 8 < bytes.count ? bytes[bit / 8] : 0
                return address[bit / 8] & mask == own & mask
            }
        }
    }

    /// IANA's registry of special-purpose IPv4 addresses, multicast and the reserved rest.
    private static let nonPublicIPv4 = [
        Network([0], 8), Network([10], 8), Network([100, 64], 10), Network([127], 8), Network([169, 254], 16),
        Network([172, 16], 12), Network([192, 0, 0], 24), Network([192, 0, 2], 24), Network([192, 88, 99], 24),
        Network([192, 168], 16), Network([198, 18], 15), Network([198, 51, 100], 24), Network([203, 0, 113], 24),
        Network([224], 4), Network([240], 4),
    ]

    /// The special-purpose blocks inside 2000::/3: Teredo and its neighbours, documentation, 6to4, documentation.
    private static let nonPublicIPv6 = [
        Network([0x20, 0x01, 0x00], 23), Network([0x20, 0x01, 0x0D, 0xB8], 32), Network([0x20, 0x02], 16),
        Network([0x3F, 0xFF, 0x00], 20),
    ]

    /// 64:ff9b::/96, an IPv4 address behind a translator.
    private static let nat64: [UInt8] = [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]
}
