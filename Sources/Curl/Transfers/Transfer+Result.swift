import CCurl

extension Transfer {
    /// What the caller gets to know when libcurl is done with `code`.
    func result(_ code: CURLcode) -> Result<Reply, CurlError> {
        let status = easy.responseCode
        if let failure { return .failure(failure) }
        if code == CURLE_FILESIZE_EXCEEDED { return .failure(tooLarge()) }
        guard code == CURLE_OK else {
            return .failure(isMail ? mailError(code, status: status) : httpError(code, status: status))
        }
        guard !isMail || 200..<300 ~= status else {
            return .failure(CurlError(.mailRefused, reply.lastLine, status: status))
        }
        var reply = reply
        reply.status = status
        return .success(reply)
    }

    private var isMail: Bool {
        if case .mail = call.job { true } else { false }
    }

    private func httpError(_ code: CURLcode, status: Int) -> CurlError {
        // A status that arrived tells the caller that the server has decided, though its answer was cut off.
        CurlError(errorCode(code), words(code), status: status == 0 ? nil : status)
    }

    /// libcurl reports most refusals of SMTP commands with two codes; the status and the progress tell them apart.
    private func mailError(_ code: CURLcode, status: Int) -> CurlError {
        let isRefusal = status >= 400 && status < 600
        switch code {
        case CURLE_LOGIN_DENIED:
            // Some servers repeat the command, and with it the password, in their reply.
            return CurlError(.loginRefused, "the mail server refuses the login", status: isRefusal ? status : nil)
        case CURLE_REMOTE_ACCESS_DENIED where isRefusal:
            return CurlError(.connectionFailed, reply.lastLine, status: status)
        case CURLE_SEND_ERROR where isRefusal, CURLE_WEIRD_SERVER_REPLY where isRefusal:
            let isBeforeMail = code == CURLE_WEIRD_SERVER_REPLY && uploaded < upload.count
            switch status {
            case 530, 534, 535, 538: return CurlError(.loginRefused, reply.lastLine, status: status)
            case 421: return CurlError(.connectionFailed, reply.lastLine, status: status)
            case _ where isBeforeMail: return CurlError(.connectionFailed, reply.lastLine, status: status)
            default: return CurlError(.mailRefused, reply.lastLine, status: status)
            }
        default:
            var error = CurlError(errorCode(code), words(code), status: isRefusal ? status : nil)
            error.isUnresolved =
                uploaded == upload.count && !isRefusal && [.timedOut, .connectionLost].contains(error.code)
            return error
        }
    }

    private func errorCode(_ code: CURLcode) -> CurlError.Code {
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT: .invalidRequest
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .hostNotFound
        case CURLE_COULDNT_CONNECT: refusedAddress ? .addressRefused : .connectionFailed
        case CURLE_REMOTE_ACCESS_DENIED: .connectionFailed
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE: .connectionLost
        // The schemes were checked; what is left of "unsupported protocol" is an answer that is no HTTP/1 or later.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2, CURLE_HTTP2_STREAM: .protocolViolation
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_PEER_FAILED_VERIFICATION,
            CURLE_USE_SSL_FAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_SHUTDOWN_FAILED,
            CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .tlsFailed
        case CURLE_LOGIN_DENIED: .loginRefused
        default: .failed
        }
    }

    private func words(_ code: CURLcode) -> String {
        guard !refusedAddress || code != CURLE_COULDNT_CONNECT else {
            return "the host's address is not allowed by the address policy"
        }
        let own = errorText.withoutControlCharacters(limit: 300)
        return own.isEmpty ? String(cString: curl_easy_strerror(code)) : own
    }
}
