/* execve() and its kin, in place of libc's: watches whether the programs that are begun will be
 * recorded. Nothing is changed about them: a program that hands on another LD_PRELOAD, or none of
 * its environment, has children that are not seen, and `record` says so. */
#include "harness/recorder/children.h"

#include "harness/recorder/life.h"

#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* The counter that this program belongs to; NULL: nothing is recorded. A child of vfork() counts in
 * its parent's ring, whose memory it runs in. */
static _Atomic uint32_t *count_in(char *const *environment)
{
    struct pab_ring *ring = pab_put_ring();
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
typedef int execveat_function(int folder, const char *path, char *const words[],
                              char *const environment[], int flags);
typedef int spawn_function(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const words[],
                           char *const environment[]);

typedef int system_function(const char *command);
typedef FILE *popen_function(const char *command, const char *type);

static struct {
    exec_function *execve, *execvpe;
    fexec_function *fexecve;
    execveat_function *execveat;
    spawn_function *posix_spawn, *posix_spawnp;
    system_function *system;
    popen_function *popen;
} next;

void pab_children_resolve(void)
{
    *(void **)&next.execve = dlsym(RTLD_NEXT, "execve");
    *(void **)&next.execvpe = dlsym(RTLD_NEXT, "execvpe");
    *(void **)&next.fexecve = dlsym(RTLD_NEXT, "fexecve");
    *(void **)&next.execveat = dlsym(RTLD_NEXT, "execveat");
    *(void **)&next.posix_spawn = dlsym(RTLD_NEXT, "posix_spawn");
    *(void **)&next.posix_spawnp = dlsym(RTLD_NEXT, "posix_spawnp");
    *(void **)&next.system = dlsym(RTLD_NEXT, "system");
    *(void **)&next.popen = dlsym(RTLD_NEXT, "popen");
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

/* Of glibc 2.34 and later. */
PUBLIC int execveat(int folder, const char *path, char *const words[], char *const environment[],
                    int flags)
{
    if (next.execveat == NULL) {
        errno = ENOSYS;
        return -1;
    }
    _Atomic uint32_t *count = begin_exec(environment);
    int result = next.execveat(folder, path, words, environment, flags);
    end_exec(count);
    return result;
}

/* --- words one by one ------------------------------------------------------------------------- */

static size_t count_words(const char *first, va_list *rest)
{
    size_t count = 0;
    for (const char *word = first; word != NULL; word = va_arg(*rest, const char *)) {
        count++;
    }
    return count;
}

/* The words lie on the stack, as libc's do: in a child of vfork() there is no other place. */
static int exec_list(exec_function *function, const char *path, const char *first, va_list *rest,
                     bool has_environment)
{
    va_list again;
    va_copy(again, *rest);
    size_t count = count_words(first, &again);
    va_end(again);
    char *words[count + 1];
    size_t used = 0;
    for (const char *word = first; word != NULL; word = va_arg(*rest, const char *)) {
        words[used++] = (char *)(uintptr_t)word;
    }
    words[used] = NULL;
    return exec_with(function, path, words,
                     has_environment ? va_arg(*rest, char *const *) : environ);
}

PUBLIC int execl(const char *path, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    int result = exec_list(next.execve, path, first, &rest, false);
    va_end(rest);
    return result;
}

PUBLIC int execlp(const char *file, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    int result = exec_list(next.execvpe, file, first, &rest, false);
    va_end(rest);
    return result;
}

PUBLIC int execle(const char *path, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    int result = exec_list(next.execve, path, first, &rest, true);
    va_end(rest);
    return result;
}

/* --- those that fork, too --------------------------------------------------------------------- */

PUBLIC int system(const char *command)
{
    if (next.system == NULL) {
        errno = ENOSYS;
        return -1;
    }
    _Atomic uint32_t *count = command != NULL ? begin_exec(environ) : NULL;
    int result = next.system(command);
    if (result == -1) {
        end_exec(count);
    }
    return result;
}

PUBLIC FILE *popen(const char *command, const char *type)
{
    FILE *stream = NULL;
    if (next.popen != NULL) {
        stream = next.popen(command, type);
    } else {
        errno = ENOSYS;
    }
    if (stream != NULL) {
        (void)begin_exec(environ);
    }
    return stream;
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
