import CPango

/// A PDF that cairo writes into memory.
///
/// Owns the surface and the drawing context. Nothing is written to a file before the whole document exists.
final class PDFSurface {
    /// The bytes so far; cairo's callback appends to it.
    private final class Sink {
        var bytes: [UInt8] = []
        var isFull = false
    }

    /// No receipt is larger; a larger one is a bug or an attack.
    static let maximumBytes = 32 << 20

    private let sink = Sink()
    private let surface: OpaquePointer
    /// The cairo context to draw with.
    let context: OpaquePointer

    init(width: Double, height: Double) throws {
        // The sink outlives the surface: both belong to this object, and `deinit` finishes the surface first.
        let closure = Unmanaged.passUnretained(sink).toOpaque()
        guard
            let surface = cairo_pdf_surface_create_for_stream(
                { closure, data, length in
                    guard let closure, let data else { return CAIRO_STATUS_WRITE_ERROR }
                    let sink = Unmanaged<Sink>.fromOpaque(closure).takeUnretainedValue()
                    guard sink.bytes.count + Int(length) <= PDFSurface.maximumBytes else {
                        sink.isFull = true
                        return CAIRO_STATUS_WRITE_ERROR
                    }
                    sink.bytes.append(contentsOf: UnsafeBufferPointer(start: data, count: Int(length)))
                    return CAIRO_STATUS_SUCCESS
                }, closure, width, height),
            let context = cairo_create(surface)
        else { throw PDFError(code: .rendering, message: "cairo made no PDF surface") }
        self.surface = surface
        self.context = context
        // 1.4 keeps the metadata uncompressed, where `DocumentFolder` looks for the event's identifier.
        cairo_pdf_surface_restrict_to_version(surface, CAIRO_PDF_VERSION_1_4)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_finish(surface)
        cairo_surface_destroy(surface)
    }

    func set(_ field: cairo_pdf_metadata_t, _ value: String) {
        cairo_pdf_surface_set_metadata(surface, field, value)
    }

    func showPage() {
        cairo_show_page(context)
    }

    /// Ends the document and returns its bytes.
    func finish() throws -> [UInt8] {
        let drawing = cairo_status(context)
        cairo_surface_finish(surface)
        for status in [drawing, cairo_surface_status(surface)] where status != CAIRO_STATUS_SUCCESS {
            let reason =
                sink.isFull
                ? "larger than \(Self.maximumBytes >> 20) MiB" : String(cString: cairo_status_to_string(status))
            throw PDFError(code: .rendering, message: "the PDF could not be drawn: \(reason)")
        }
        return sink.bytes
    }
}
