import GRDB

/// Why the database cannot be used.
struct StoreError: Error, CustomStringConvertible {
    let message: String
    /// Whether waiting may help: a lock or a full disk, as opposed to a damaged file.
    var isTemporary = false

    var description: String { message }
}

extension StoreError {
    /// What SQLite said, without the statement's arguments: they hold names and addresses.
    init(_ error: DatabaseError) {
        let temporary: [ResultCode] = [.SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_NOMEM]
        self.init(
            message: "\(error.message ?? "SQLite error") (\(error.extendedResultCode.rawValue))",
            isTemporary: temporary.contains(error.resultCode))
    }
}
