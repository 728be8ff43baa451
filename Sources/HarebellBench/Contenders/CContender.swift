import CBaseline

/// The C loop.
struct CContender {
    let job: Job
    let counter: Int32

    /// Blocks until all is done, which is all that this process does.
    func run() throws -> Outcome {
        let result = withStrings([job.host, job.user, job.password, job.virtualHost, job.queue, job.authority ?? ""]) {
            var description = cbaseline_job(
                host: $0[0], port: Int32(job.port), user: $0[1], password: $0[2], virtual_host: $0[3],
                authority: job.authority == nil ? nil : $0[5], queue: $0[4], count: Int32(job.messages),
                bytes: Int32(job.bytes), window: Int32(job.window), consumers: Int32(job.consumers),
                delivery_mode: Int32(job.deliveryMode), call_counter: counter)
            var result = cbaseline_result()
            if job.case.consumes {
                cbaseline_consume(&description, &result)
            } else {
                cbaseline_publish(&description, &result)
            }
            return result
        }
        if let message = result.message { throw RunError("the C loop failed: \(message)") }
        return Outcome(
            seconds: result.seconds, cpuSeconds: result.cpu_seconds, calls: result.calls < 0 ? nil : Int(result.calls),
            peakRSSBytes: peakRSSBytes())
    }
}

/// The most memory this process has had; `nil` where that cannot be told.
func peakRSSBytes() -> Int? {
    let bytes = cbaseline_peak_rss_bytes()
    return bytes < 0 ? nil : Int(bytes)
}

/// C strings that live as long as the call.
private func withStrings<R>(_ strings: [String], _ body: ([UnsafePointer<CChar>]) -> R) -> R {
    func next(_ rest: ArraySlice<String>, _ pointers: [UnsafePointer<CChar>]) -> R {
        guard let first = rest.first else { return body(pointers) }
        return first.withCString { next(rest.dropFirst(), pointers + [$0]) }
    }
    return next(strings[...], [])
}

extension cbaseline_result {
    fileprivate var message: String? {
        withUnsafeBytes(of: error) { bytes in
            let text = bytes.prefix { $0 != 0 }
            return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
        }
    }
}
