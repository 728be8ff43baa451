import Foundation

/// The permission bits of a file.
///
/// Not by `stat`: which module its structure belongs to depends on the order in which C modules are loaded.
func permissions(of path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
}
