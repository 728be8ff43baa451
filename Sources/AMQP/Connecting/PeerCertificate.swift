import NIOCore
import NIOSSL

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What can be told about a certificate in one line.
///
/// It may be a hostile one: names are cut to printable text of bounded length.
enum PeerCertificate {
    /// Whether it may authenticate a server: no extended key usage, or one with serverAuth or any (RFC 5280 §4.2.1.12).
    static func isForServers(_ certificate: NIOSSLCertificate) -> Bool {
        guard let usages = certificate.data(of: "2.5.29.37") else { return true }
        let serverAuth: [UInt8] = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]
        let anyUsage: [UInt8] = [0x06, 0x04, 0x55, 0x1D, 0x25, 0x00]
        return usages.firstRange(of: serverAuth) != nil || usages.firstRange(of: anyUsage) != nil
    }

    /// Whether it may sign certificates: basic constraints with CA (RFC 5280 §4.2.1.9).
    static func isAuthority(_ certificate: NIOSSLCertificate) -> Bool {
        certificate.data(of: "2.5.29.19")?.firstRange(of: [0x01, 0x01, 0xFF]) != nil
    }

    /// The common name, or else the organization.
    static func name(_ parts: [SSLCertificateName]) -> String {
        let part = parts.first { $0.type == .commonName } ?? parts.first { $0.type == .organization } ?? parts.first
        return part.map { "\"\(printable($0.value))\"" } ?? "an authority without a name"
    }

    /// The names and addresses it is for; without any, its common name.
    static func names(_ certificate: NIOSSLCertificate) -> String {
        var names: [String] = []
        for name in certificate._subjectAlternativeNames() {
            let bytes = ByteBuffer(bytes: name.contents)
            if name.nameType == .ipAddress, let address = try? SocketAddress(packedIPAddress: bytes, port: 0) {
                names.append(address.ipAddress ?? "-")
            } else if name.nameType == .dnsName {
                names.append(printable(String(buffer: bytes)))
            }
        }
        if names.isEmpty, let name = certificate.subjectName.first(where: { $0.type == .commonName }) {
            return printable(name.value)
        }
        guard !names.isEmpty else { return "no name at all" }
        return names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
    }

    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.prefix(100).map { $0.properties.generalCategory == .control ? "?" : Character($0) })
    }

    /// Seconds since 1970.
    static func now() -> Int { time(nil) }

    /// A moment in UTC, as `2026-11-23 09:15 UTC`; by hand, since this module does without Foundation.
    static func day(_ seconds: Int) -> String {
        func floor(_ number: Int, _ divisor: Int) -> Int {
            number / divisor - (number % divisor < 0 ? 1 : 0)
        }
        // Counted from 1 March of year 0, so that a leap day is the last of its year.
        let days = floor(seconds, 86_400) + 719_468
        let era = floor(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let minutes = (seconds - floor(seconds, 86_400) * 86_400) / 60
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(two(month))-\(two(dayOfYear - (153 * shifted + 2) / 5 + 1)) "
            + "\(two(minutes / 60)):\(two(minutes % 60)) UTC"
    }
}

extension NIOSSLCertificate {
    fileprivate func data(of identifier: String) -> [UInt8]? {
        for part in _extensions where part.objectIdentifier.description == identifier { return Array(part.data) }
        return nil
    }
}
