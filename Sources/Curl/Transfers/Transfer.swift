import CCurl
import CCurlShim

/// One transfer on the client's thread: the easy handle and everything its callbacks touch.
///
/// Never leaves the thread.
///
/// It owns the easy handle, the lists and the error buffer; ``close()`` frees the handle first, because libcurl may use
/// the others until then. The callbacks get this object unretained: the thread's dictionary keeps it alive while the
/// handle is in the multi handle, and libcurl calls back only then.
final class Transfer {
    let call: Call
    let easy: EasyHandle
    var reply = Reply()
    /// What a callback found wrong; it wins over libcurl's own words, which only say that a callback said no.
    var failure: CurlError?
    /// Whether the policy refused an address.
    var refusedAddress = false
    /// The message to upload (SMTP), and how much of it libcurl has taken.
    var upload: [UInt8] = []
    var uploaded = 0
    var headerSize = 0
    let configuration: CurlConfiguration
    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    private let errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private let thread: TransferThread
    private var isClosed = false

    init(_ call: Call, configuration: CurlConfiguration, thread: TransferThread) throws(CurlError) {
        self.call = call
        self.configuration = configuration
        self.thread = thread
        errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        do throws(CurlError) {
            easy = try EasyHandle()
        } catch {
            errorBuffer.deallocate()
            isClosed = true
            throw error
        }
        thread.countHandle(1)
        do throws(CurlError) {
            try prepare()
        } catch {
            close()
            throw error
        }
    }

    deinit {
        close()
    }

    /// Frees the C memory; the handle must not be in a multi handle any more.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        curl_easy_cleanup(easy.pointer)
        for list in lists { curl_slist_free_all(list) }
        errorBuffer.deallocate()
        thread.countHandle(-1)
    }

    /// The transfer behind an easy handle that is still in the multi handle.
    static func of(_ easy: UnsafeMutableRawPointer?) -> Transfer? {
        var pointer: UnsafeMutableRawPointer?
        guard let easy, harebell_curl_get_pointer(easy, CURLINFO_PRIVATE, &pointer) == CURLE_OK, let pointer else {
            return nil
        }
        return from(pointer)
    }

    static func from(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// libcurl's words for what went wrong.
    var errorText: String { String(cString: errorBuffer) }

    /// Hands libcurl a list of texts that lives as long as the handle.
    func set(_ option: CURLoption, texts: [String]) throws(CurlError) {
        var list: UnsafeMutablePointer<curl_slist>?
        for text in texts {
            // On failure the old list is left as it was.
            guard let longer = curl_slist_append(list, text) else {
                curl_slist_free_all(list)
                throw CurlError(.failed, "out of memory")
            }
            list = longer
        }
        guard let list else { return }
        lists.append(list)
        try easy.set(option, list: list)
    }

    private func prepare() throws(CurlError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        try easy.set(CURLOPT_PRIVATE, context)
        try easy.set(CURLOPT_ERRORBUFFER, errorBuffer)
        // Without signals; the thread has them blocked as well.
        try easy.set(CURLOPT_NOSIGNAL, true)
        // A slow name server must not hold up the thread when its transfer is removed.
        try easy.setQuickExit()
        try easy.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds: configuration.connectTimeout)
        try easy.set(CURLOPT_FOLLOWLOCATION, false)
        try easy.set(CURLOPT_PROXY, "")
        try easy.set(CURLOPT_SSL_VERIFYPEER, 1)
        try easy.set(CURLOPT_SSL_VERIFYHOST, 2)
        try easy.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        if let file = configuration.certificateAuthorityFile {
            try easy.set(CURLOPT_CAINFO, file)
        }
        try easy.set(CURLOPT_OPENSOCKETDATA, context)
        try easy.set(socketCallback: openSocket)
        try easy.set(CURLOPT_HEADERDATA, context)
        try easy.set(CURLOPT_HEADERFUNCTION, callback: receiveHeader)
        try easy.set(CURLOPT_WRITEDATA, context)
        try easy.set(CURLOPT_WRITEFUNCTION, callback: receiveBody)
        switch call.job {
        case .http(let request, let url): try prepare(request, url)
        case .mail(let mail, let url): try prepare(mail, url)
        }
    }
}

/// Refuses addresses that the policy does not allow, otherwise opens the socket as libcurl would.
private func openSocket(
    context: UnsafeMutableRawPointer?, purpose: curlsocktype, address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    let none: curl_socket_t = -1
    guard let transfer = Transfer.from(context), let address else { return none }
    let bytes = [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
        count = harebell_curl_address_bytes(address, buffer.baseAddress)
    }
    guard transfer.configuration.addressPolicy.allows(bytes) else {
        transfer.refusedAddress = true
        return none
    }
    return harebell_curl_open_socket(address)
}

/// libcurl hands over one header line per call (or one line of an SMTP reply).
private func receiveHeader(
    bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = Transfer.from(context), let bytes else { return 0 }
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return transfer.receive(headerLine: line) ? line.count : 0
}

private func receiveBody(
    bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = Transfer.from(context), let bytes else { return 0 }
    let part = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return transfer.receive(body: part) ? part.count : 0
}
