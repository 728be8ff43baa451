import ArgumentParser
import Harebell
import HarebellHost

@main
struct PDFWorker: HostedService {
    static let service: ServiceName = "pdf"
    static let summary = "Prints a receipt, as a PDF, of every loan that is paid out."
    static let settings = PDFSettings.explained

    @OptionGroup var options: HostOptions
    @Option(help: "The folder for the receipts. [HAREBELL_PDF_DIRECTORY] (default: receipts)")
    var pdfDirectory: String?

    var flags: [String: String?] { ["pdf.directory": pdfDirectory] }

    func start(_ host: Host) async throws {
        let settings = try host.read { PDFSettings(reading: &$0) }
        let printer = DocumentPrinter(folder: settings.directory)
        try await printer.prepare()
        try await host.run(host.worker(dependsOn: "receipts folder") { PrintReceipt(printer: printer) })
    }
}
