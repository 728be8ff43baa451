import HarebellHost

/// Where the receipts go.
struct PDFSettings: Sendable {
    /// The folder; made when it is missing.
    var directory = "receipts"

    static let explained = [
        ServiceSetting(
            "pdf.directory", "The folder that receipts are written to, as <loan id>.pdf.", default: "receipts")
    ]

    init(reading reader: inout SettingsReader) {
        directory = reader.string("pdf.directory", default: directory)
        while directory.count > 1, directory.hasSuffix("/") {
            directory.removeLast()
        }
    }
}
