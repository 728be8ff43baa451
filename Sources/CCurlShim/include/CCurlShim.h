// What Swift cannot call in libcurl itself: functions with variable arguments, and the start of a plain thread.
#pragma once
#include <curl/curl.h>
#include <stddef.h>

// curl_global_init, once per process and before any thread uses libcurl.
CURLcode harebell_curl_global_init(void);

// curl_easy_setopt, by the type of the value. libcurl copies strings; lists and pointers stay the caller's and must
// outlive the handle.
CURLcode harebell_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode harebell_curl_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode harebell_curl_set_pointer(CURL *easy, CURLoption option, void *value);
CURLcode harebell_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
CURLcode harebell_curl_set_size(CURL *easy, CURLoption option, curl_off_t value);

// The body of a request, copied by libcurl.
CURLcode harebell_curl_set_body(CURL *easy, const void *bytes, size_t count);

// The schemes that this handle may use at all ("http,https"); older versions know a bit mask instead.
CURLcode harebell_curl_set_schemes(CURL *easy, const char *schemes);

// Lets a transfer be removed without waiting for a name server that does not answer (libcurl 7.87).
CURLcode harebell_curl_set_quick_exit(CURL *easy);

// The callbacks for what arrives (body, header) and what is sent (upload).
typedef size_t (*harebell_curl_data_callback)(char *bytes, size_t size, size_t count, void *context);
CURLcode harebell_curl_set_data_callback(CURL *easy, CURLoption option, harebell_curl_data_callback callback);

// The callback that opens the socket, or refuses the address with CURL_SOCKET_BAD.
typedef curl_socket_t (*harebell_curl_socket_callback)(
    void *context, curlsocktype purpose, struct curl_sockaddr *address);
CURLcode harebell_curl_set_socket_callback(CURL *easy, harebell_curl_socket_callback callback);

// The bytes of an IP address in network order. Returns 4 or 16, or 0 for another family.
size_t harebell_curl_address_bytes(const struct curl_sockaddr *address, unsigned char bytes[16]);

// A socket for this address, closed on exec; -1 when there is none.
curl_socket_t harebell_curl_open_socket(const struct curl_sockaddr *address);

CURLcode harebell_curl_get_long(CURL *easy, CURLINFO info, long *value);
CURLcode harebell_curl_get_pointer(CURL *easy, CURLINFO info, void **value);
CURLMcode harebell_curl_multi_set_long(CURLM *multi, CURLMoption option, long value);

// The result of a finished transfer (a union member in C).
CURLcode harebell_curl_message_result(const CURLMsg *message);

// Runs body(context) on a detached thread named "curl" that takes no signals. In particular a SIGPIPE raised by a
// write to a closed connection stays pending on that thread instead of ending the process. Returns 0 or an errno.
int harebell_curl_start_thread(void (*body)(void *context), void *context);
