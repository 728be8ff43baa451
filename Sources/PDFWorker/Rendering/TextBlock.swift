import CPango

/// A paragraph that pango has shaped and broken into lines.
///
/// Owns its `PangoLayout`; the lines belong to the layout and are used only while the block is alive.
final class TextBlock {
    /// How a paragraph looks.
    struct Style {
        var size = 10.5
        var isBold = false
        var grey = 0.0
        var alignment = PANGO_ALIGN_LEFT
        /// Cut in the middle instead of wrapped: for the footer.
        var isSingleLine = false
        /// The part of the text, in UTF-8, at whose spaces no line is broken.
        var unbroken: Range<Int>?
    }

    /// One line of the paragraph, measured in points.
    struct Line {
        fileprivate let pointer: UnsafeMutablePointer<PangoLayoutLine>
        let x: Double
        let ascent: Double
        let height: Double
    }

    /// The fonts asked for; fontconfig adds whichever font has the glyphs these lack.
    private static let family = "DejaVu Sans, Noto Sans, Sans"

    private let layout: OpaquePointer
    private let grey: Double
    let lines: [Line]
    /// How many characters no installed font can show.
    ///
    /// They are drawn as boxes.
    let unknownGlyphs: Int

    /// Shapes a text for a page of the given context.
    init(_ text: String, style: Style, width: Double, context: OpaquePointer) {
        guard let layout = pango_cairo_create_layout(context) else {
            preconditionFailure("pango_cairo_create_layout returns a layout or aborts")
        }
        self.layout = layout
        self.grey = style.grey

        let font = pango_font_description_new()
        pango_font_description_set_family(font, Self.family)
        pango_font_description_set_absolute_size(font, style.size * Double(PANGO_SCALE))
        pango_font_description_set_weight(font, style.isBold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL)
        pango_layout_set_font_description(layout, font)
        pango_font_description_free(font)

        pango_layout_set_width(layout, Int32(width * Double(PANGO_SCALE)))
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR)
        pango_layout_set_alignment(layout, style.alignment)
        if style.isSingleLine {
            pango_layout_set_single_paragraph_mode(layout, 1)
            pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_MIDDLE)
        }
        // A hyphen at a forced break would look like a part of the identifier or the address.
        let attributes = pango_attr_list_new()
        pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(0))
        // Copied out of the document, a ligature is a character that the identifier does not have.
        pango_attr_list_insert(attributes, pango_attr_font_features_new("liga=0, clig=0"))
        if let unbroken = style.unbroken, let attribute = pango_attr_allow_breaks_new(0) {
            attribute.pointee.start_index = UInt32(unbroken.lowerBound)
            attribute.pointee.end_index = UInt32(unbroken.upperBound)
            pango_attr_list_insert(attributes, attribute)
        }
        pango_layout_set_attributes(layout, attributes)
        pango_attr_list_unref(attributes)

        var text = text
        text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { pango_layout_set_text(layout, $0.baseAddress, Int32($0.count)) }
        }
        self.unknownGlyphs = Int(pango_layout_get_unknown_glyphs_count(layout))
        self.lines = Self.measure(layout)
    }

    deinit {
        g_object_unref(UnsafeMutableRawPointer(layout))
    }

    /// Draws a line with its top at the given height.
    func draw(_ line: Line, x: Double, top: Double, context: OpaquePointer) {
        cairo_set_source_rgb(context, grey, grey, grey)
        cairo_move_to(context, x + line.x, top + line.ascent)
        pango_cairo_show_layout_line(context, line.pointer)
    }

    private static func measure(_ layout: OpaquePointer) -> [Line] {
        var lines: [Line] = []
        guard let iterator = pango_layout_get_iter(layout) else { return lines }
        defer { pango_layout_iter_free(iterator) }
        repeat {
            guard let pointer = pango_layout_iter_get_line_readonly(iterator) else { continue }
            var extents = PangoRectangle()
            pango_layout_iter_get_line_extents(iterator, nil, &extents)
            let baseline = pango_layout_iter_get_baseline(iterator)
            let scale = Double(PANGO_SCALE)
            lines.append(
                Line(
                    pointer: pointer, x: Double(extents.x) / scale, ascent: Double(baseline - extents.y) / scale,
                    height: Double(extents.height) / scale))
        } while pango_layout_iter_next_line(iterator) != 0
        return lines
    }
}
