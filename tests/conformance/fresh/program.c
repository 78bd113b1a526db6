/* tests/conformance/fresh/program.c -- pab_fresh OBJECT preload|dlopen SCENARIO NUMBER... */
#include "tests/conformance/fresh/program.h"

#include "tests/conformance/support/pattern.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum argument { ARG_OBJECT = 1, ARG_ATTACH, ARG_SCENARIO, ARG_NUMBER };

#define NUMBERS 4

static struct {
    struct pab_fresh_task task;
    const void *malloc_address; /* of the object under test */
} fresh;

void pab_fresh_say(const char *word, const char *format, ...)
{
    char text[800];
    char line[900];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t length = (size_t)snprintf(line, sizeof(line), "%s %s\n", word, text);
    if (write(PAB_FRESH_FD, line, length) < 0) {
        _exit(1); /* nobody listens */
    }
}

void pab_fresh_fill(void *block, size_t size, uint64_t owner)
{
    pab_pattern_fill(block, 0, size, pab_pattern_key(owner, size));
}

bool pab_fresh_holds(const void *block, size_t size, uint64_t owner, const char *when)
{
    size_t bad = 0;
    if (pab_pattern_holds(block, 0, size, pab_pattern_key(owner, size), &bad)) {
        return true;
    }
    pab_fresh_say(PAB_FRESH_FOUND, "byte %zu of a block of %zu bytes changed, seen %s", bad, size,
                  when);
    return false;
}

bool pab_fresh_thread(void *(*body)(void *arg), void *arg)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, arg) != 0) {
        pab_fresh_say(PAB_FRESH_SKIP, "no thread is to be had");
        return false;
    }
    pthread_join(thread, NULL);
    return true;
}

/* --- whose functions ------------------------------------------------------------------------ */

static void *base_of(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) == 0 ? NULL : info.dli_fbase;
}

/* A function, unless it is another object's: what a library lacks, libc would step in for. */
static void *own(void *function)
{
    bool is_own = function != NULL && base_of(function) == base_of(fresh.malloc_address);
    return is_own ? function : NULL;
}

/* As the loader bound them; nothing is looked up, as that may take memory. */
static void take_process_calls(void)
{
    struct pab_fresh_calls *calls = &fresh.task.calls;
    fresh.malloc_address = (void *)(uintptr_t)malloc;
    *calls = (struct pab_fresh_calls){malloc, calloc, realloc, free, NULL, NULL, NULL};
    *(void **)&calls->aligned_alloc = own((void *)(uintptr_t)aligned_alloc);
    *(void **)&calls->posix_memalign = own((void *)(uintptr_t)posix_memalign);
    *(void **)&calls->usable_size = own((void *)(uintptr_t)malloc_usable_size);
}

static bool take_loaded_calls(const char *object)
{
    struct pab_fresh_calls *calls = &fresh.task.calls;
    void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (handle == NULL) {
        pab_fresh_say(PAB_FRESH_SKIP, "it cannot be loaded: %s", dlerror());
        return false;
    }
    fresh.malloc_address = dlsym(handle, "malloc");
    *(void **)&calls->malloc = own(dlsym(handle, "malloc"));
    *(void **)&calls->calloc = own(dlsym(handle, "calloc"));
    *(void **)&calls->realloc = own(dlsym(handle, "realloc"));
    *(void **)&calls->free = own(dlsym(handle, "free"));
    *(void **)&calls->aligned_alloc = own(dlsym(handle, "aligned_alloc"));
    *(void **)&calls->posix_memalign = own(dlsym(handle, "posix_memalign"));
    *(void **)&calls->usable_size = own(dlsym(handle, "malloc_usable_size"));
    return true;
}

/* Names differ where links do; the inode does not. */
static bool prove(const char *object)
{
    Dl_info info;
    struct stat wanted;
    struct stat found;
    const struct pab_fresh_calls *calls = &fresh.task.calls;
    bool is_known = dladdr(fresh.malloc_address, &info) != 0 && stat(object, &wanted) == 0 &&
                    stat(info.dli_fname, &found) == 0;
    if (!is_known || wanted.st_ino != found.st_ino || wanted.st_dev != found.st_dev) {
        pab_fresh_say(PAB_FRESH_SKIP, "malloc of a fresh process lies in %s, not in %s",
                      is_known ? info.dli_fname : "no known object", object);
        return false;
    }
    if (own((void *)(uintptr_t)calls->calloc) == NULL ||
        own((void *)(uintptr_t)calls->realloc) == NULL ||
        own((void *)(uintptr_t)calls->free) == NULL) {
        pab_fresh_say(PAB_FRESH_SKIP, "%s does not export all of malloc, calloc, realloc, free",
                      object);
        return false;
    }
    pab_fresh_say(PAB_FRESH_PROOF, "%s", info.dli_fname);
    return true;
}

/* --- before main ---------------------------------------------------------------------------- */

/* glibc hands main's arguments to these, too. */
static void take_arguments(int argc, char **argv)
{
    for (int i = 0; i < NUMBERS && ARG_NUMBER + i < argc; i++) {
        fresh.task.numbers[i] = strtoull(argv[ARG_NUMBER + i], NULL, 10);
    }
}

static bool is_around(int argc, char **argv)
{
    return argc > ARG_NUMBER && strcmp(argv[ARG_SCENARIO], "around") == 0;
}

static void run_preinit(int argc, char **argv, char **environment)
{
    (void)environment;
    if (is_around(argc, argv)) {
        take_arguments(argc, argv);
        take_process_calls();
        pab_fresh_before_main(&fresh.task, true);
    }
}

/* The loader calls these before any shared object's constructors. */
__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(int, char **, char **) = run_preinit;

__attribute__((constructor(101))) static void run_constructor(int argc, char **argv)
{
    if (is_around(argc, argv)) {
        pab_fresh_before_main(&fresh.task, false);
    }
}

/* --- main ----------------------------------------------------------------------------------- */

struct scenario {
    const char *name;
    void (*run)(const struct pab_fresh_task *task);
};

static const struct scenario scenarios[] = {
    {"first", pab_fresh_first}, {"around", pab_fresh_around}, {"crowd", pab_fresh_crowd},
    {"leave", pab_fresh_leave}, {"trace", pab_fresh_trace},
};

int main(int argc, char **argv)
{
    if (argc <= ARG_NUMBER) {
        fprintf(stderr, "pab_fresh is started by conformance checks\n");
        return 2;
    }
    take_arguments(argc, argv);
    if (strcmp(argv[ARG_ATTACH], "dlopen") != 0) {
        take_process_calls();
    } else if (!take_loaded_calls(argv[ARG_OBJECT])) {
        return 0;
    }
    if (!prove(argv[ARG_OBJECT])) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(argv[ARG_SCENARIO], scenarios[i].name) == 0) {
            scenarios[i].run(&fresh.task);
            return 0;
        }
    }
    return 2;
}
