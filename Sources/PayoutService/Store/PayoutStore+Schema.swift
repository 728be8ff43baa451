import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension PayoutStore {
    /// Opens the database with the guarantees that this service gives, and checks that they hold.
    static func open(_ path: String) throws -> DatabaseQueue {
        // Made by us first, so that it is ours alone from its first byte; its log files take the same mode.
        let descriptor = openFile(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(message: "cannot open \(path): \(systemMessage())")
        }
        _ = fchmod(descriptor, 0o600)
        closeFile(descriptor)

        var configuration = Configuration()
        configuration.label = "payout"
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        // Not `journalMode = .wal`: that would set `synchronous = NORMAL`, which may lose the last commits.
        configuration.prepareDatabase { db in
            let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
            let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
            guard mode == "wal", synchronous == 2 else {
                throw StoreError(message: "\(path) does not allow WAL with synchronous=FULL: use a local file system")
            }
        }
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try migrator.migrate(database)
            return database
        } catch let error as DatabaseError {
            throw StoreError(message: "cannot open \(path): \(StoreError(error).message)")
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 loans, outbox, idempotency") { db in
            try db.execute(
                sql: """
                    CREATE TABLE loan (
                        id TEXT PRIMARY KEY,
                        borrower_name TEXT NOT NULL,
                        borrower_email TEXT NOT NULL,
                        minor_units INTEGER NOT NULL CHECK (minor_units > 0),
                        currency TEXT NOT NULL CHECK (length(currency) = 3),
                        status TEXT NOT NULL CHECK (status IN ('created', 'paid_out', 'canceled')),
                        reference TEXT,
                        reason TEXT,
                        created_at INTEGER NOT NULL,
                        updated_at INTEGER NOT NULL,
                        CHECK ((status = 'paid_out') = (reference IS NOT NULL))
                    ) STRICT, WITHOUT ROWID;

                    -- Nothing leads out of paid_out and canceled, whatever the program does.
                    CREATE TRIGGER loan_status_is_final BEFORE UPDATE ON loan
                    WHEN OLD.status <> 'created'
                    BEGIN SELECT raise(ABORT, 'a loan that is paid out or canceled stays as it is'); END;

                    -- AUTOINCREMENT: an id is never used twice, also after the newest row was removed.
                    CREATE TABLE outbox (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        event_id TEXT NOT NULL UNIQUE,
                        loan_id TEXT NOT NULL,
                        envelope TEXT NOT NULL,
                        body BLOB NOT NULL,
                        created_at INTEGER NOT NULL,
                        published_at INTEGER,
                        parked_until INTEGER
                    ) STRICT;
                    CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
                    CREATE INDEX outbox_parked ON outbox (loan_id, id)
                        WHERE published_at IS NULL AND parked_until IS NOT NULL;
                    CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

                    CREATE TABLE idempotency (
                        key TEXT PRIMARY KEY,
                        fingerprint BLOB NOT NULL,
                        status INTEGER NOT NULL,
                        body BLOB NOT NULL,
                        loan_id TEXT NOT NULL,
                        event_id TEXT NOT NULL,
                        correlation_id TEXT NOT NULL,
                        created_at INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX idempotency_age ON idempotency (created_at);
                    """)
        }
        return migrator
    }
}
