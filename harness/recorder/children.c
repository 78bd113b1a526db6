/* execve() and its kin, in place of libc's: watches whether the programs that are begun will be
 * recorded. Nothing is changed about them: a program that hands on another LD_PRELOAD, or none of
 * its environment, has children that are not seen, and `record` says so. */
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

static void *below(const char *name)
{
    pab_thread.depth++; /* what dlsym() allocates is not the program's */
    void *found = dlsym(RTLD_NEXT, name);
    pab_thread.depth--;
    if (found == NULL) {
        errno = ENOSYS;
    }
    return found;
}

static int exec_with(const char *function, const char *path, char *const words[],
                     char *const environment[])
{
    int (*next)(const char *, char *const[], char *const[]) = NULL;
    *(void **)&next = below(function);
    if (next == NULL) {
        return -1;
    }
    _Atomic uint32_t *count = begin_exec(environment);
    int result = next(path, words, environment);
    end_exec(count);
    return result;
}

PUBLIC int execve(const char *path, char *const words[], char *const environment[])
{
    return exec_with("execve", path, words, environment);
}

PUBLIC int execvpe(const char *file, char *const words[], char *const environment[])
{
    return exec_with("execvpe", file, words, environment);
}

PUBLIC int execv(const char *path, char *const words[])
{
    return exec_with("execve", path, words, environ);
}

PUBLIC int execvp(const char *file, char *const words[])
{
    return exec_with("execvpe", file, words, environ);
}

PUBLIC int fexecve(int fd, char *const words[], char *const environment[])
{
    int (*next)(int, char *const[], char *const[]) = NULL;
    *(void **)&next = below("fexecve");
    if (next == NULL) {
        return -1;
    }
    _Atomic uint32_t *count = begin_exec(environment);
    int result = next(fd, words, environment);
    end_exec(count);
    return result;
}

typedef int spawn_function(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const words[],
                           char *const environment[]);

/* NOLINTNEXTLINE(readability-function-size): libc's signature */
PUBLIC int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[],
                       char *const environment[])
{
    spawn_function *next = NULL;
    *(void **)&next = below("posix_spawn");
    int error = next != NULL ? next(pid, path, actions, attributes, words, environment) : ENOSYS;
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
    spawn_function *next = NULL;
    *(void **)&next = below("posix_spawnp");
    int error = next != NULL ? next(pid, file, actions, attributes, words, environment) : ENOSYS;
    if (error == 0) {
        (void)begin_exec(environment);
    }
    return error;
}
