import CHeap
import Foundation

/// What this process holds, as far as the system tells it.
struct ProcessFigures {
    /// Resident memory in KiB; nil where there is no /proc.
    let residentKiB: Int?
    /// Bytes that are allocated and not freed; nil where malloc does not tell.
    let heapBytes: Int?
    /// Open file descriptors.
    let descriptors: Int

    static func now() -> ProcessFigures {
        ProcessFigures(residentKiB: resident, heapBytes: heap, descriptors: openDescriptors)
    }

    private static var resident: Int? {
        lines(of: "/proc/self/status")?.first { $0.hasPrefix("VmRSS:") }.flatMap { Int($0.filter(\.isNumber)) }
    }

    private static var heap: Int? {
        let bytes = cheap_bytes_in_use()
        return bytes < 0 ? nil : bytes
    }

    private static var openDescriptors: Int {
        // Listing the folder opens one more.
        ((try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd").count) ?? 1) - 1
    }

    /// How often the threads of the event loops have gone to sleep so far; nil where there is no /proc.
    ///
    /// Each time is a wake-up that was dealt with.
    static var eventLoopSleeps: Int? {
        guard let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") else { return nil }
        var sleeps = 0
        for thread in threads {
            let folder = "/proc/self/task/\(thread)"
            guard lines(of: "\(folder)/comm")?.first?.hasPrefix("NIO") == true else { continue }
            sleeps +=
                lines(of: "\(folder)/status")?.first { $0.hasPrefix("voluntary_ctxt_switches:") }
                .flatMap { Int($0.filter(\.isNumber)) } ?? 0
        }
        return sleeps
    }
}

extension Int? {
    /// The difference to an earlier figure; nil when one is unknown.
    static func - (later: Int?, earlier: Int?) -> Int? {
        guard let later, let earlier else { return nil }
        return later - earlier
    }

    /// The figure, or `-`.
    var text: String { map(String.init) ?? "-" }
}
