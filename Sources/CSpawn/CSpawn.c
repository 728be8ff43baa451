#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__
#include <crt_externs.h>
#include <limits.h>
#include <mach-o/dyld.h>
#define CLOSE_OTHERS POSIX_SPAWN_CLOEXEC_DEFAULT
#else
extern char **environ;
#define CLOSE_OTHERS 0
#endif

int cspawn_start(const char *path, char *const argv[], char *const envp[], int input, int output, int error,
                 pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure) return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure) {
        posix_spawn_file_actions_destroy(&actions);
        return failure;
    }
    // A parent that ignores SIGTERM or SIGPIPE (every server does) would otherwise hand that on.
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                              CLOSE_OTHERS);
    failure = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, error, 2);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    if (!failure) failure = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
    if (!failure) failure = posix_spawn(pid, path, &actions, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

int cspawn_pipe(int ends[2]) {
#ifdef __APPLE__
    if (pipe(ends)) return errno;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
#else
    return pipe2(ends, O_CLOEXEC) ? errno : 0;
#endif
}

struct watch {
    pid_t pid;
    void (*exited)(void *context);
    void *context;
};

static void *watch_exit(void *argument) {
    struct watch watch = *(struct watch *)argument;
    free(argument);
    siginfo_t info;
    while (waitid(P_PID, (id_t)watch.pid, &info, WEXITED | WNOWAIT) == -1 && errno == EINTR) {
    }
    watch.exited(watch.context);
    return NULL;
}

int cspawn_on_exit(pid_t pid, void (*exited)(void *context), void *context) {
    struct watch *watch = malloc(sizeof *watch);
    if (!watch) return ENOMEM;
    *watch = (struct watch){.pid = pid, .exited = exited, .context = context};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    pthread_t thread;
    int failure = pthread_create(&thread, &attributes, watch_exit, watch);
    pthread_attr_destroy(&attributes);
    if (failure) free(watch);
    return failure;
}

int cspawn_reap(pid_t pid) {
    int status;
    pid_t reaped;
    while ((reaped = waitpid(pid, &status, 0)) == -1 && errno == EINTR) {
    }
    if (reaped != pid) return -1;
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

int cspawn_is_executable(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

char **cspawn_environment(void) {
#ifdef __APPLE__
    return *_NSGetEnviron();
#else
    return environ;
#endif
}

int cspawn_lock(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return -2;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
    close(file);
    return -1;
}

int cspawn_own_path(char *path, size_t size) {
#ifdef __APPLE__
    char given[PATH_MAX], resolved[PATH_MAX];
    uint32_t length = sizeof given;
    if (_NSGetExecutablePath(given, &length) || !realpath(given, resolved)) return ENAMETOOLONG;
    if (strlcpy(path, resolved, size) >= size) return ENAMETOOLONG;
    return 0;
#else
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length < 0) return errno;
    path[length] = 0;
    return 0;
#endif
}
