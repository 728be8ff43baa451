import CPango

/// A document as bytes.
struct RenderedDocument: Sendable {
    let bytes: [UInt8]
    let pages: Int
    /// Whether the page cap cut something off.
    let isTruncated: Bool
    /// How many characters are boxes because no installed font has them.
    let unknownGlyphs: Int
}

extension PayoutDocument {
    /// Draws the document.
    ///
    /// Blocks for some milliseconds: only for ``DocumentPrinter``'s thread.
    func render(maximumPages: Int = 12) throws -> RenderedDocument {
        let surface = try PDFSurface(width: PageFlow.paper.width, height: PageFlow.paper.height)
        surface.set(CAIRO_PDF_METADATA_TITLE, "\(title) \(loanID)")
        surface.set(CAIRO_PDF_METADATA_AUTHOR, "Harebell payout")
        surface.set(CAIRO_PDF_METADATA_SUBJECT, "\(borrower), \(amount)")
        surface.set(CAIRO_PDF_METADATA_KEYWORDS, keywords)
        surface.set(CAIRO_PDF_METADATA_CREATOR, "pdf-worker")
        surface.set(CAIRO_PDF_METADATA_CREATE_DATE, createdAt)
        surface.set(CAIRO_PDF_METADATA_MOD_DATE, createdAt)

        let flow = flow(maximumPages: maximumPages, context: surface.context)
        for (index, marks) in flow.pages.enumerated() {
            for mark in marks {
                draw(mark, context: surface.context)
            }
            let isCut = flow.isTruncated && index == flow.pages.count - 1
            drawFooter(
                "Page \(index + 1) of \(flow.pages.count)\(isCut ? " (shortened)" : "")", context: surface.context)
            surface.showPage()
        }
        return RenderedDocument(
            bytes: try surface.finish(), pages: flow.pages.count, isTruncated: flow.isTruncated,
            unknownGlyphs: flow.unknownGlyphs)
    }

    private func flow(maximumPages: Int, context: OpaquePointer) -> PageFlow {
        var flow = PageFlow(maximumPages: maximumPages)
        let width = PageFlow.textWidth
        flow.add(
            TextBlock(title, style: .init(size: 22, isBold: true), width: width, context: context), spaceAfter: 14)

        // An amount after a right-to-left name would be reordered with it: isolate the name, but only then, so that
        // the text that is searched and copied stays free of invisible characters.
        let name = borrower.isRightToLeft ? "\u{2068}\(borrower)\u{2069}" : borrower.description
        let sentence = "\(name), \(amount)"
        let unbroken = (sentence.utf8.count - amount.description.utf8.count)..<sentence.utf8.count
        flow.add(
            TextBlock(sentence, style: .init(size: 14, unbroken: unbroken), width: width, context: context),
            spaceAfter: 22)

        let column = (label: 130.0, gap: 12.0, inset: 6.0)
        let valueX = PageFlow.margin + column.label + column.gap
        let valueWidth = width - column.label - column.gap - column.inset
        func addRow(_ label: String, _ value: String, _ style: TextBlock.Style, isHeader: Bool = false) {
            let labelStyle = TextBlock.Style(isBold: isHeader, grey: isHeader ? 0 : 0.35)
            flow.addRow(
                [
                    (
                        TextBlock(label, style: labelStyle, width: column.label, context: context),
                        PageFlow.margin + column.inset
                    ),
                    (TextBlock(value, style: style, width: valueWidth, context: context), valueX),
                ], isHeader: isHeader)
        }
        addRow("Item", "Value", .init(isBold: true), isHeader: true)
        for row in rows {
            let text = row.value.description
            addRow(
                row.label, text, .init(isBold: row.isAmount, unbroken: row.isAmount ? 0..<text.utf8.count : nil))
        }
        return flow
    }

    private func draw(_ mark: PageFlow.Mark, context: OpaquePointer) {
        switch mark {
        case .line(let block, let index, let x, let top):
            block.draw(block.lines[index], x: x, top: top, context: context)
        case .rule(let y, let weight):
            cairo_set_source_rgb(context, 0.6, 0.6, 0.6)
            cairo_set_line_width(context, weight)
            cairo_move_to(context, PageFlow.margin, y)
            cairo_line_to(context, PageFlow.paper.width - PageFlow.margin, y)
            cairo_stroke(context)
        case .shade(let y, let height):
            cairo_set_source_rgb(context, 0.93, 0.93, 0.95)
            cairo_rectangle(context, PageFlow.margin, y, PageFlow.textWidth, height)
            cairo_fill(context)
        }
    }

    private func drawFooter(_ pageNumber: String, context: OpaquePointer) {
        let top = PageFlow.paper.height - 52
        let pageWidth = 110.0
        let style = TextBlock.Style(size: 8, grey: 0.4, isSingleLine: true)
        var right = style
        right.alignment = PANGO_ALIGN_RIGHT
        let footers = [
            (
                TextBlock(pageNumber, style: right, width: pageWidth, context: context),
                PageFlow.paper.width - PageFlow.margin - pageWidth, 0.0
            ),
            (
                TextBlock("Loan \(loanID)", style: style, width: PageFlow.textWidth - pageWidth, context: context),
                PageFlow.margin, 0.0
            ),
            (
                TextBlock(
                    "Correlation \(correlationID)", style: style, width: PageFlow.textWidth - pageWidth,
                    context: context), PageFlow.margin, 11.0
            ),
        ]
        for (block, x, offset) in footers {
            guard let line = block.lines.first else { continue }
            block.draw(line, x: x, top: top + offset, context: context)
        }
    }
}
