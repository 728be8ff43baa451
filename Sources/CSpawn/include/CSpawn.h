// What starting a process needs and Swift cannot reach: GNU extensions of posix_spawn, pipe2, waitid and threads.
#ifndef CSPAWN_H
#define CSPAWN_H

#include <stddef.h>
#include <sys/types.h>

/// Starts `path` in a session of its own, with default signal handling and no descriptor open but 0, 1 and 2,
/// which become `input`, `output` and `error`. Returns 0 or an errno.
int cspawn_start(const char *path, char *const argv[], char *const envp[], int input, int output, int error,
                 pid_t *pid);

/// Makes a pipe whose ends close on exec. Returns 0 or an errno.
int cspawn_pipe(int ends[2]);

/// Calls `exited(context)` once, on a thread of its own, when the child has exited; the child is not reaped, so its
/// id is still taken. Returns 0 or an errno, and then never calls.
int cspawn_on_exit(pid_t pid, void (*exited)(void *context), void *context);

/// Reaps a child that has exited. Returns its exit code, 256 + the signal that killed it, or -1.
int cspawn_reap(pid_t pid);

/// Whether a file may be executed by us.
int cspawn_is_executable(const char *path);

/// The environment of this process, ending in a null pointer.
char **cspawn_environment(void);

/// Makes and locks a file of mode 0600 until the descriptor is closed or this process ends.
/// Returns the descriptor, -1 when another process holds the lock, or -2 when the file cannot be made.
int cspawn_lock(const char *path);

/// Writes the path of this program's executable, with links resolved, and a null byte. Returns 0 or an errno.
int cspawn_own_path(char *path, size_t size);

#endif
