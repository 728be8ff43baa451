// What the benchmarks need in C: the loops a C programmer would write on librabbitmq, a broker that does nothing,
// and what this process has used so far.
#pragma once
#include <stdint.h>

// --- The loops, as a baseline ---

typedef struct {
    const char *host;
    int port;
    const char *user;
    const char *password;
    const char *virtual_host;
    // A PEM file of the authorities to trust, for TLS; NULL for plain TCP.
    const char *authority;
    // A queue that exists; for consuming it holds at least `count` messages.
    const char *queue;
    int count;
    int bytes;
    // Publishing: how many confirms may be missing. Consuming: the prefetch of all consumers together.
    int window;
    int consumers;
    // 1 for transient messages, 2 for persistent ones.
    int delivery_mode;
    // From `cbaseline_open_call_counter`, or -1.
    int call_counter;
} cbaseline_job;

typedef struct {
    // From the first message to the last: time, processor time of the whole process, system calls (-1: not counted).
    double seconds;
    double cpu_seconds;
    int64_t calls;
    // Empty when all went well.
    char error[256];
} cbaseline_result;

// They block until the last message is confirmed or acknowledged and the connection is closed.
void cbaseline_publish(const cbaseline_job *job, cbaseline_result *result);
void cbaseline_consume(const cbaseline_job *job, cbaseline_result *result);

// --- The null broker ---

// Listens on a free port of 127.0.0.1. Returns the listening descriptor, or -1.
int cbaseline_null_broker_listen(int *port);
// Serves connections, each on a thread of its own, until standard input ends. It confirms what a read brought with one
// ack, keeps a queue as a number and one message, and delivers that message as fast as the prefetch allows.
void cbaseline_null_broker_serve(int listener);

// --- What this process has used ---

// User and system time in seconds.
double cbaseline_cpu_seconds(void);
// The largest resident set since the program was started, in bytes; -1 where it cannot be told.
int64_t cbaseline_peak_rss_bytes(void);
// The resident set now, in bytes; -1 where it cannot be told.
int64_t cbaseline_rss_bytes(void);
// Counts the system calls of this thread and of all threads started after it. Returns a descriptor that a program
// started by exec inherits, or -1 where the kernel does not let us.
int cbaseline_open_call_counter(void);
// How many it has counted so far; -1 for a counter of -1.
int64_t cbaseline_calls(int counter);
