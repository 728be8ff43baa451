#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A client of another make, pika, that publishes what no careful client would.
enum ForeignClient {
    /// The interpreter of the virtual environment that `Ops/setup` makes, in the package's folder.
    static let interpreter =
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/.build/python/bin/python"

    static let isInstalled = FileManager.default.isExecutableFile(atPath: interpreter)

    /// Publishes hostile messages to the exchange of loan.paid-out and prints for each what the broker said.
    ///
    /// Every body ends with the marker, a colon and the name of its case: headers cannot name a message that is read
    /// by nobody.
    static func publish(marker: String, url: String) async throws -> Command {
        try await Command.run(
            interpreter, ["-c", script], environment: ["HAREBELL_TEST_URL": url, "HAREBELL_TEST_MARKER": marker])
    }

    /// The cases, in the order they are published.
    static let cases = ["garbage", "unknown", "huge", "wide", "deep", "deepest"]

    private static let script = #"""
        import os, struct, pika, pika.data

        class Raw:
            "A field table that is on the wire as it is."
            def __init__(self, content): self.content = content

        encode_table = pika.data.encode_table
        def encode(pieces, table):
            if not isinstance(table, Raw): return encode_table(pieces, table)
            pieces += [struct.pack(">I", len(table.content)), table.content]
            return len(table.content) + 4
        pika.data.encode_table = encode

        marker = os.environ["HAREBELL_TEST_MARKER"]

        def nested(depth):
            levels = (b"A" + struct.pack(">I", (depth - level - 1) * 5) for level in range(depth))
            return Raw(b"\x01k" + b"".join(levels))

        def filled(size):
            "Entries of a name, a type, a length and a text, size bytes in all."
            content = bytearray()
            number = 0
            while len(content) < size:
                name = b"header-%04d" % number
                room = size - len(content) - len(name) - 6
                text = b"x" * (room if room < 300 else 200)
                content += bytes([len(name)]) + name + b"S" + struct.pack(">I", len(text)) + text
                number += 1
            return Raw(bytes(content))

        def properties(name, type="loan.paid-out", headers=None):
            return pika.BasicProperties(
                type=type, message_id=f"{marker}-{name}", content_type="application/json", delivery_mode=2,
                headers=headers)

        def header_size(found): return 12 + sum(len(piece) for piece in found.encode())

        # A frame of 131072 bytes has 7 before its payload and one after it.
        room = 131072 - 8 - header_size(properties("wide", headers=Raw(b"")))
        cases = [
            ("garbage", properties("garbage"), b"\xff\xfe\x00\x1b[31m"),
            ("unknown", properties("unknown", type="loan.unknown"), b"{}"),
            ("huge", properties("huge"), b"x" * 10_000_000),
            ("wide", properties("wide", headers=filled(room)), b"wide"),
            ("deep", properties("deep", headers=nested(18_000)), b"deep"),
            ("deepest", properties("deepest", headers=nested(25_800)), b"deepest"),
        ]
        assert header_size(cases[3][1]) == 131072 - 8
        for name, found, body in cases:
            try:
                connection = pika.BlockingConnection(pika.URLParameters(os.environ["HAREBELL_TEST_URL"]))
                channel = connection.channel()
                channel.confirm_delivery()
                channel.basic_publish(
                    "loan.paid-out", "", body + f"{marker}:{name}".encode(), found, mandatory=True)
                connection.close()
                print(name, "confirmed", flush=True)
            except pika.exceptions.AMQPError as error:
                print(name, "refused:", repr(error), flush=True)
        """#
}
