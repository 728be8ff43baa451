import CPango

/// Where everything goes: lines of text and rules, page by page.
///
/// The pages are laid out before the first is drawn, because each says how many there are.
struct PageFlow {
    /// Something at its place on a page.
    ///
    /// Heights count from the top, in points.
    enum Mark {
        case line(TextBlock, index: Int, x: Double, top: Double)
        case rule(y: Double, weight: Double)
        case shade(y: Double, height: Double)
    }

    /// A4 in points.
    static let paper = (width: 595.28, height: 841.89)
    static let margin = 62.0
    static let bottom = paper.height - 84
    static var textWidth: Double { paper.width - 2 * margin }

    private(set) var pages: [[Mark]] = [[]]
    /// Whether the page cap cut something off.
    private(set) var isTruncated = false
    private(set) var unknownGlyphs = 0
    private var y = margin
    private let maximumPages: Int

    init(maximumPages: Int) {
        self.maximumPages = maximumPages
    }

    /// Adds a paragraph over the full width.
    mutating func add(_ block: TextBlock, spaceAfter: Double) {
        unknownGlyphs += block.unknownGlyphs
        for index in block.lines.indices {
            let height = block.lines[index].height
            guard makeRoom(for: height) else { return }
            place(.line(block, index: index, x: Self.margin, top: y))
            y += height
        }
        y += spaceAfter
    }

    /// Adds a row of the table: blocks side by side, then a rule.
    ///
    /// A row longer than a page goes on on the next.
    mutating func addRow(_ cells: [(block: TextBlock, x: Double)], isHeader: Bool = false) {
        let padding = 5.0
        let heights = (0..<(cells.map(\.block.lines.count).max() ?? 0)).map { index in
            cells.compactMap { index < $0.block.lines.count ? $0.block.lines[index].height : nil }.max() ?? 0
        }
        guard makeRoom(for: (heights.first ?? 0) + 2 * padding) else { return }
        if isHeader {
            place(.shade(y: y, height: heights.reduce(2 * padding, +)))
        }
        y += padding
        for (index, height) in heights.enumerated() {
            guard makeRoom(for: height) else { return }
            for cell in cells where index < cell.block.lines.count {
                place(.line(cell.block, index: index, x: cell.x, top: y))
            }
            y += height
        }
        y += padding
        place(.rule(y: y, weight: isHeader ? 0.8 : 0.4))
        unknownGlyphs += cells.reduce(0) { $0 + $1.block.unknownGlyphs }
    }

    private mutating func place(_ mark: Mark) {
        pages[pages.count - 1].append(mark)
    }

    /// Turns the page when there is no room; false when there is no page left.
    private mutating func makeRoom(for height: Double) -> Bool {
        if isTruncated { return false }
        guard y + height > Self.bottom else { return true }
        guard pages.count < maximumPages else {
            isTruncated = true
            return false
        }
        pages.append([])
        y = Self.margin
        return true
    }
}
