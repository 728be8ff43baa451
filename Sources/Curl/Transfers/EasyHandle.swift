import CCurl
import CCurlShim

/// libcurl's handle for one transfer, with its options set by type.
///
/// Owned by a ``Transfer``.
struct EasyHandle {
    let pointer: UnsafeMutableRawPointer

    init() throws(CurlError) {
        guard let pointer = curl_easy_init() else { throw CurlError(.failed, "out of memory") }
        self.pointer = pointer
    }

    func set(_ option: CURLoption, _ value: Int) throws(CurlError) {
        try check(harebell_curl_set_long(pointer, option, value))
    }

    func set(_ option: CURLoption, _ value: Bool) throws(CurlError) {
        try check(harebell_curl_set_long(pointer, option, value ? 1 : 0))
    }

    /// libcurl copies the text.
    func set(_ option: CURLoption, _ value: String) throws(CurlError) {
        guard !value.utf8.contains(0) else { throw CurlError(.invalidRequest, "a text holds a zero byte") }
        try check(harebell_curl_set_string(pointer, option, value))
    }

    /// The pointer must stay valid until the handle is cleaned up.
    func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) throws(CurlError) {
        try check(harebell_curl_set_pointer(pointer, option, value))
    }

    /// The list must stay valid until the handle is cleaned up.
    func set(_ option: CURLoption, list: UnsafeMutablePointer<curl_slist>) throws(CurlError) {
        try check(harebell_curl_set_list(pointer, option, list))
    }

    func set(_ option: CURLoption, size: Int) throws(CurlError) {
        try check(harebell_curl_set_size(pointer, option, curl_off_t(size)))
    }

    func set(_ option: CURLoption, callback: harebell_curl_data_callback) throws(CurlError) {
        try check(harebell_curl_set_data_callback(pointer, option, callback))
    }

    func set(socketCallback: harebell_curl_socket_callback) throws(CurlError) {
        try check(harebell_curl_set_socket_callback(pointer, socketCallback))
    }

    func setQuickExit() throws(CurlError) {
        try check(harebell_curl_set_quick_exit(pointer))
    }

    func set(schemes: String) throws(CurlError) {
        try check(harebell_curl_set_schemes(pointer, schemes))
    }

    /// libcurl copies the bytes.
    func set(body: [UInt8]) throws(CurlError) {
        try check(harebell_curl_set_body(pointer, body, body.count))
    }

    /// At least 1, for 0 means "no limit" to libcurl.
    func set(_ option: CURLoption, milliseconds duration: Duration) throws(CurlError) {
        let (seconds, attoseconds) = duration.components
        let milliseconds =
            seconds.multipliedReportingOverflow(by: 1000).partialValue + attoseconds / 1_000_000_000_000_000
        try set(option, Int(max(1, min(milliseconds, Int64(Int32.max)))))
    }

    var responseCode: Int {
        var value = 0
        return harebell_curl_get_long(pointer, CURLINFO_RESPONSE_CODE, &value) == CURLE_OK ? value : 0
    }

    private func check(_ code: CURLcode) throws(CurlError) {
        guard code == CURLE_OK else {
            throw CurlError(.failed, "libcurl refuses an option: \(String(cString: curl_easy_strerror(code)))")
        }
    }
}
