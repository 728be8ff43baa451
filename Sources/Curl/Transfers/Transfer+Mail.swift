import CCurl

extension Transfer {
    func prepare(_ mail: MailSubmission, _ url: ServerURL) throws(CurlError) {
        let timeout = mail.timeout ?? configuration.timeout
        try easy.set(schemes: "smtp,smtps")
        try easy.set(CURLOPT_URL, url.text)
        try easy.set(CURLOPT_TIMEOUT_MS, milliseconds: timeout)
        // Also bounds how long the thread waits when it says QUIT.
        try easy.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, Int(max(1, min(timeout.components.seconds, 60))))
        let encryption =
            switch mail.relay.startTLS {
            case .required: CURLUSESSL_ALL
            case .opportunistic: CURLUSESSL_TRY
            case .none: CURLUSESSL_NONE
            }
        try easy.set(CURLOPT_USE_SSL, Int(encryption.rawValue))
        if let credentials = mail.relay.credentials {
            try easy.set(CURLOPT_USERNAME, credentials.username)
            try easy.set(CURLOPT_PASSWORD, credentials.password)
        }
        try easy.set(CURLOPT_MAIL_FROM, mail.sender)
        try set(CURLOPT_MAIL_RCPT, texts: mail.recipients)
        upload = mail.message
        try easy.set(CURLOPT_UPLOAD, true)
        try easy.set(CURLOPT_INFILESIZE_LARGE, size: upload.count)
        try easy.set(CURLOPT_READDATA, Unmanaged.passUnretained(self).toOpaque())
        try easy.set(CURLOPT_READFUNCTION, callback: sendUpload)
    }

    /// Copies the next part of the message into libcurl's buffer; 0 is its end.
    fileprivate func send(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, upload.count - uploaded)
        buffer.copyBytes(from: upload[uploaded..<uploaded + count])
        uploaded += count
        return count
    }
}

private func sendUpload(
    bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = Transfer.from(context), let bytes else { return 0 }
    return transfer.send(into: UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
}
