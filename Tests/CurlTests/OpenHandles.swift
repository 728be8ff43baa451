@testable import Curl

extension CurlClient {
    /// How many of libcurl's handles exist: none is left when nothing is under way.
    var openHandleCount: Int { thread.openHandles }
}
