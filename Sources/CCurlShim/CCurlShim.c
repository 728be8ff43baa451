#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "CCurlShim.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

CURLcode harebell_curl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

CURLcode harebell_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode harebell_curl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode harebell_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode harebell_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode harebell_curl_set_size(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode harebell_curl_set_body(CURL *easy, const void *bytes, size_t count) {
    // The size first: CURLOPT_COPYPOSTFIELDS takes a text up to its zero otherwise.
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, count == 0 ? (const void *)"" : bytes);
}

CURLcode harebell_curl_set_schemes(CURL *easy, const char *schemes) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes);
#else
    long mask = strcmp(schemes, "http,https") == 0   ? CURLPROTO_HTTP | CURLPROTO_HTTPS
                : strcmp(schemes, "smtp,smtps") == 0 ? CURLPROTO_SMTP | CURLPROTO_SMTPS
                                                     : 0;
    return mask == 0 ? CURLE_BAD_FUNCTION_ARGUMENT : curl_easy_setopt(easy, CURLOPT_PROTOCOLS, mask);
#endif
}

CURLcode harebell_curl_set_quick_exit(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
    return CURLE_OK;
#endif
}

CURLcode harebell_curl_set_data_callback(CURL *easy, CURLoption option, harebell_curl_data_callback callback) {
    return curl_easy_setopt(easy, option, callback);
}

CURLcode harebell_curl_set_socket_callback(CURL *easy, harebell_curl_socket_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

size_t harebell_curl_address_bytes(const struct curl_sockaddr *address, unsigned char bytes[16]) {
    if (address->family == AF_INET) {
        struct sockaddr_in v4;
        if (address->addrlen < sizeof v4) return 0;
        memcpy(&v4, &address->addr, sizeof v4);
        memcpy(bytes, &v4.sin_addr, 4);
        return 4;
    }
    if (address->family == AF_INET6) {
        // libcurl keeps room for every address behind `addr`, though it is declared as the short one.
        struct sockaddr_in6 v6;
        if (address->addrlen < sizeof v6) return 0;
        memcpy(&v6, (const char *)address + offsetof(struct curl_sockaddr, addr), sizeof v6);
        memcpy(bytes, &v6.sin6_addr, 16);
        return 16;
    }
    return 0;
}

curl_socket_t harebell_curl_open_socket(const struct curl_sockaddr *address) {
#ifdef SOCK_CLOEXEC
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
#else
    return socket(address->family, address->socktype, address->protocol);
#endif
}

CURLcode harebell_curl_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

CURLcode harebell_curl_get_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, value);
}

CURLMcode harebell_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

CURLcode harebell_curl_message_result(const CURLMsg *message) { return message->data.result; }

struct thread_start {
    void (*body)(void *context);
    void *context;
};

static void *run_thread(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
#if defined(__linux__)
    pthread_setname_np(pthread_self(), "curl");
#elif defined(__APPLE__)
    pthread_setname_np("curl");
#endif
    start.body(start.context);
    return NULL;
}

int harebell_curl_start_thread(void (*body)(void *context), void *context) {
    struct thread_start *start = malloc(sizeof *start);
    if (start == NULL) return ENOMEM;
    start->body = body;
    start->context = context;
    // A new thread inherits the mask, so it never runs with signals open.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, run_thread, start);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    if (error != 0) free(start);
    return error;
}
