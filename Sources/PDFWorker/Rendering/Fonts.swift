import CPango

/// The fonts of this machine.
enum Fonts {
    /// How many families pango can use.
    ///
    /// Loads the font configuration of the calling thread.
    static var familyCount: Int {
        guard let map = pango_cairo_font_map_get_default() else { return 0 }
        var families: UnsafeMutablePointer<UnsafeMutablePointer<PangoFontFamily>?>?
        var count: Int32 = 0
        pango_font_map_list_families(map, &families, &count)
        g_free(families)
        return Int(count)
    }
}
