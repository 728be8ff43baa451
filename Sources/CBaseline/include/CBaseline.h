// The loops a C programmer would write on librabbitmq, as a baseline.
#pragma once
#include <stdint.h>

typedef struct {
    const char *host;
    int port;
    const char *user;
    const char *password;
    const char *virtual_host;
    // A queue that exists; for consuming it holds at least `count` messages.
    const char *queue;
    int count;
    int bytes;
    // Publishing: how many confirms may be missing. Consuming: the prefetch.
    int window;
} cbaseline_job;

typedef struct {
    double seconds;
    // Of the whole process, user and system.
    double cpu_seconds;
    // Empty when all went well.
    char error[256];
} cbaseline_result;

// Runs `job` on a thread of its own and calls `done` there. The strings of `job` are copied.
// Returns 0, or the error of pthread_create; `done` is not called then.
typedef void (*cbaseline_done)(void *context, cbaseline_result result);
int cbaseline_publish(const cbaseline_job *job, void *context, cbaseline_done done);
int cbaseline_consume(const cbaseline_job *job, void *context, cbaseline_done done);

// The processor time this process has used so far, in seconds.
double cbaseline_cpu_seconds(void);
