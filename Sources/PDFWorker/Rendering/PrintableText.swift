/// Text from an event, made fit for paper.
///
/// Names come from outside. What a page must not show is taken out here, once, before anything is laid out:
/// control characters, line and paragraph separators, bidirectional overrides (they could turn an amount around),
/// invisible format characters, heaps of combining marks that would overprint the rows beside them, and whatever is
/// longer than a page can sensibly hold.
struct PrintableText: Equatable, Sendable, CustomStringConvertible {
    /// The cleaned text; a dash when nothing was left.
    let description: String

    /// Whether any character is written from right to left.
    let isRightToLeft: Bool

    /// How many combining marks may sit on one character.
    ///
    /// Vietnamese needs two, Hebrew with points up to three.
    static let maximumMarks = 4

    /// Cleans a text.
    ///
    /// - Parameters:
    ///   - raw: The text as it came.
    ///   - limit: The most scalars that are kept; the rest becomes an ellipsis.
    init(_ raw: String, limit: Int = 2_000) {
        var scalars = String.UnicodeScalarView()
        var count = 0
        var marks = 0
        var pendingSpace = false
        var isRightToLeft = false

        for scalar in raw.unicodeScalars {
            switch Self.kind(of: scalar) {
            case .dropped:
                continue
            case .space:
                pendingSpace = count > 0
                marks = 0
                continue
            case .mark:
                marks += 1
                if marks > Self.maximumMarks || count == 0 { continue }
            case .visible:
                marks = 0
            }
            guard count < limit else {
                scalars.append("…")
                break
            }
            if pendingSpace {
                scalars.append(" ")
                pendingSpace = false
                count += 1
            }
            scalars.append(scalar)
            count += 1
            isRightToLeft = isRightToLeft || Self.isRightToLeft(scalar)
        }
        self.description = scalars.isEmpty ? "–" : String(scalars)
        self.isRightToLeft = isRightToLeft
    }

    private enum Kind {
        case dropped, space, mark, visible
    }

    private static func kind(of scalar: Unicode.Scalar) -> Kind {
        switch scalar.properties.generalCategory {
        case .control:
            scalar.properties.isWhitespace ? .space : .dropped
        case .lineSeparator, .paragraphSeparator, .spaceSeparator:
            .space
        case .format:
            // Joiners shape Persian, Indic scripts and emoji; every other format character is invisible here.
            scalar == "\u{200C}" || scalar == "\u{200D}" ? .visible : .dropped
        case .surrogate, .unassigned:
            .dropped
        case .nonspacingMark, .enclosingMark:
            .mark
        default:
            .visible
        }
    }

    /// The blocks of Unicode whose letters run from right to left.
    private static func isRightToLeft(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFF, 0x10800...0x10FFF, 0x1E800...0x1EFFF: true
        default: false
        }
    }
}
