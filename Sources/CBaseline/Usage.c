#define _GNU_SOURCE
#include "CBaseline.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/perf_event.h>
#include <sys/syscall.h>
#endif

double cbaseline_cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 + (double)usage.ru_stime.tv_sec +
           (double)usage.ru_stime.tv_usec * 1e-6;
}

#ifdef __linux__

// The resource usage of a process that was started by exec includes what it was before: the parent's peak.
static int64_t status_bytes(const char *key) {
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return -1;
    char line[256];
    long long kilobytes = -1;
    size_t length = strlen(key);
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, key, length) && sscanf(line + length, " %lld", &kilobytes) == 1) break;
    }
    fclose(file);
    return kilobytes < 0 ? -1 : kilobytes * 1024;
}

int64_t cbaseline_peak_rss_bytes(void) { return status_bytes("VmHWM:"); }

int64_t cbaseline_rss_bytes(void) { return status_bytes("VmRSS:"); }

static int tracepoint(void) {
    static const char *paths[] = {"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
                                  "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id"};
    for (int index = 0; index < 2; index++) {
        FILE *file = fopen(paths[index], "r");
        int identifier = -1, found = file && fscanf(file, "%d", &identifier) == 1;
        if (file) fclose(file);
        if (found) return identifier;
    }
    return -1;
}

int cbaseline_open_call_counter(void) {
    int identifier = tracepoint();
    if (identifier < 0) return -1;
    struct perf_event_attr event;
    memset(&event, 0, sizeof event);
    event.type = PERF_TYPE_TRACEPOINT;
    event.size = sizeof event;
    event.config = (unsigned long long)identifier;
    event.inherit = 1;
    return (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, 0);
}

#else

int64_t cbaseline_peak_rss_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? -1 : (int64_t)usage.ru_maxrss;
}

int64_t cbaseline_rss_bytes(void) { return -1; }

int cbaseline_open_call_counter(void) { return -1; }

#endif

int64_t cbaseline_calls(int counter) {
    int64_t count;
    if (counter < 0 || read(counter, &count, sizeof count) != sizeof count) return -1;
    return count;
}
