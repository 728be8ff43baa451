import Dispatch
import GRDB
import Harebell
import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The loans, the events that are to be published, and the answers that were given, in one SQLite file.
///
/// One connection writes and reads, on GRDB's queue and never on the cooperative pool. A commit is on the disk when
/// ``execute(_:key:correlationID:trace:)`` returns (`synchronous=FULL`): the loan, its event and the answer to the
/// request appear together or not at all. A file has one user at a time: a second process is refused at the start.
final class PayoutStore: Sendable {
    private let database: DatabaseQueue
    private let lock: StoreLock
    private let gate = StoreGate()
    /// Rung after each commit that left an event behind.
    let wake: WakeSignal
    private let now: @Sendable () -> Date

    /// Opens the file, makes it when it is missing and brings its schema up to date.
    ///
    /// Blocks.
    private init(path: String, now: @escaping @Sendable () -> Date) throws {
        self.lock = try StoreLock(path: path)
        self.database = try Self.open(path)
        self.wake = WakeSignal()
        self.now = now
    }

    /// Opens the store on a thread that may block.
    static func open(
        path: String, now: @escaping @Sendable () -> Date = { Date() }
    ) async throws -> PayoutStore {
        try await withCheckedThrowingContinuation { continuation in
            BlockingWork.queue.async {
                continuation.resume(with: Result { try PayoutStore(path: path, now: now) })
            }
        }
    }

    /// Waits for what is under way and closes the file.
    ///
    /// Whatever comes later is refused.
    func close() async throws {
        guard await gate.close() else { return }
        try await withCheckedThrowingContinuation { continuation in
            BlockingWork.queue.async {
                continuation.resume(with: Result { try self.database.close() })
            }
        }
        lock.release()
    }

    // MARK: - Loans

    /// Carries out a command in one transaction, or answers with what the same request was answered before.
    ///
    /// - Throws: ``Problem`` when the loan is missing, its status does not allow the command, or the key was used for
    ///   another request; nothing is written then.
    func execute(
        _ command: LoanCommand, key: String?, correlationID: String, trace: TraceContext = TraceContext()
    ) async throws -> Outcome {
        // To the millisecond from the start, so that answer, row and event say the same.
        let now = Date(milliseconds: now().milliseconds)
        let outcome = try await write { db in
            if let key, let past = try Outcome.recall(key, for: command, in: db) { return past }

            let change = try Self.apply(command, at: now, in: db)
            let envelope = try Envelope(
                change.event, producer: "payout", time: now, correlationID: correlationID, trace: trace)
            try change.loan.save(in: db)
            try OutboxRow.insert(envelope, loanID: change.loan.id, at: now, in: db)
            let outcome = Outcome(
                status: command.loanID == nil ? 201 : 200, body: try json(LoanView(change.loan)),
                loanID: change.loan.id, eventID: envelope.id.rawValue, correlationID: correlationID)
            if let key {
                try outcome.remember(under: key, for: command, at: now, in: db)
            }
            return outcome
        }
        if !outcome.isReplayed {
            wake.ring()
        }
        return outcome
    }

    /// A loan, or nil when there is none with this identifier.
    func loan(_ id: String) async throws -> Loan? {
        try await read { try Loan.fetch(id, in: $0) }
    }

    private static func apply(_ command: LoanCommand, at now: Date, in db: Database) throws -> LoanChange {
        func existing(_ id: String) throws -> Loan {
            guard let loan = try Loan.fetch(id, in: db) else { throw Problem.noSuchLoan }
            return loan
        }
        switch command {
        case .create(let borrower, let amount):
            return Loan.create(id: EventID.make().rawValue, borrower: borrower, amount: amount, at: now)
        case .payOut(let id, let reference):
            return try existing(id).payOut(reference: reference, at: now)
        case .cancel(let id, let reason):
            return try existing(id).cancel(reason: reason, at: now)
        }
    }

    // MARK: - Events

    /// The next events to publish, in the order in which they were written.
    func unpublished(limit: Int) async throws -> [OutboxRow] {
        let now = now()
        return try await read { try OutboxRow.fetch(limit: limit, at: now, in: $0) }
    }

    /// Marks events as published: their confirms have arrived.
    func markPublished(_ ids: [Int64]) async throws {
        let now = now()
        try await write { try OutboxRow.markPublished(ids, at: now, in: $0) }
    }

    /// Sets an event and the later ones of its loan aside for a while: the broker will never take it as it is.
    func park(_ id: Int64, for duration: Duration) async throws {
        let until = now().addingTimeInterval(Double(duration.components.seconds))
        try await write { try OutboxRow.park(id, until: until, in: $0) }
    }

    /// How many events wait, and for how long.
    func backlog() async throws -> Backlog {
        let now = now()
        return try await read { try Backlog.fetch(at: now, in: $0) }
    }

    /// Removes published events and remembered answers that are older than a date, a thousand of each at most.
    func prune(olderThan date: Date) async throws -> Int {
        try await write { db in
            try OutboxRow.prune(olderThan: date, in: db) + Outcome.prune(olderThan: date, in: db)
        }
    }

    // MARK: - Transactions

    /// One `BEGIN IMMEDIATE` transaction: a deferred one that writes later fails instead of waiting its turn.
    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do {
            return try await gate.pass {
                try await database.writeWithoutTransaction { db in
                    var result: T?
                    try db.inTransaction(.immediate) {
                        result = try body(db)
                        return .commit
                    }
                    guard let result else { preconditionFailure("a committed transaction has a result") }
                    return result
                }
            }
        } catch let error as DatabaseError {
            throw StoreError(error)
        }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do {
            return try await gate.pass { try await database.read(body) }
        } catch let error as DatabaseError {
            throw StoreError(error)
        }
    }
}
