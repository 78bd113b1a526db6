/* execve() and its kin, in place of libc's: watches whether the programs that are begun will be
 * recorded. Nothing is changed about them: a program that hands on another LD_PRELOAD, or none of
 * its environment, has children that are not seen, and `record` says so. */
#include "harness/recorder/children.h"

#include "harness/recorder/life.h"

#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* The counter that this program belongs to; NULL: nothing is recorded. A child of vfork() counts in
 * its parent's ring, whose memory it runs in. */
static _Atomic uint32_t *count_in(char *const *environment)
{
    struct pab_ring *ring = pab_recorder.ring;
    if (ring == NULL) {
        return NULL;
    }
    return pab_life_is_handed_on(environment) ? &ring->handed_on : &ring->unseen;
}

/* Before an exec, which does not come back unless it fails. */
static _Atomic uint32_t *begin_exec(char *const *environment)
{
    _Atomic uint32_t *count = count_in(environment);
    if (count != NULL) {
        atomic_fetch_add(count, 1);
    }
    return count;
}

static void end_exec(_Atomic uint32_t *count)
{
    if (count != NULL) {
        atomic_fetch_sub(count, 1);
    }
}

typedef int exec_function(const char *path, char *const words[], char *const environment[]);
typedef int fexec_function(int fd, char *const words[], char *const environment[]);
typedef int spawn_function(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const words[],
                           char *const environment[]);

static struct {
    exec_function *execve, *execvpe;
    fexec_function *fexecve;
    spawn_function *posix_spawn, *posix_spawnp;
} next;

void pab_children_resolve(void)
{
    *(void **)&next.execve = dlsym(RTLD_NEXT, "execve");
    *(void **)&next.execvpe = dlsym(RTLD_NEXT, "execvpe");
    *(void **)&next.fexecve = dlsym(RTLD_NEXT, "fexecve");
    *(void **)&next.posix_spawn = dlsym(RTLD_NEXT, "posix_spawn");
    *(void **)&next.posix_spawnp = dlsym(RTLD_NEXT, "posix_spawnp");
}

static int exec_with(exec_function *function, const char *path, char *const words[],
                     char *const environment[])
{
    if (function == NULL) {
        errno = ENOSYS;
        return -1;
    }
    _Atomic uint32_t *count = begin_exec(environment);
    int result = function(path, words, environment);
    end_exec(count);
    return result;
}

PUBLIC int execve(const char *path, char *const words[], char *const environment[])
{
    return exec_with(next.execve, path, words, environment);
}

PUBLIC int execvpe(const char *file, char *const words[], char *const environment[])
{
    return exec_with(next.execvpe, file, words, environment);
}

PUBLIC int execv(const char *path, char *const words[])
{
    return exec_with(next.execve, path, words, environ);
}

PUBLIC int execvp(const char *file, char *const words[])
{
    return exec_with(next.execvpe, file, words, environ);
}

PUBLIC int fexecve(int fd, char *const words[], char *const environment[])
{
    if (next.fexecve == NULL) {
        errno = ENOSYS;
        return -1;
    }
    _Atomic uint32_t *count = begin_exec(environment);
    int result = next.fexecve(fd, words, environment);
    end_exec(count);
    return result;
}

/* NOLINTNEXTLINE(readability-function-size): libc's signature */
PUBLIC int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[],
                       char *const environment[])
{
    int error = next.posix_spawn != NULL
                    ? next.posix_spawn(pid, path, actions, attributes, words, environment)
                    : ENOSYS;
    if (error == 0) {
        (void)begin_exec(environment);
    }
    return error;
}

/* NOLINTNEXTLINE(readability-function-size) */
PUBLIC int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const words[],
                        char *const environment[])
{
    int error = next.posix_spawnp != NULL
                    ? next.posix_spawnp(pid, file, actions, attributes, words, environment)
                    : ENOSYS;
    if (error == 0) {
        (void)begin_exec(environment);
    }
    return error;
}
