/// How long to wait before an outcome that could not be stored is tried again: 100 ms, doubling up to 30 s, ± 20 %.
enum StorageBackoff {
    static func delay(failures: Int, random: Double) -> Duration {
        let doublings = min(max(0, failures - 1), 9)
        let delay = min(Duration.milliseconds(100 << doublings), .seconds(30))
        return delay * (1 + 0.2 * (2 * min(max(random, 0), 1) - 1))
    }
}
