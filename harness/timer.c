#include "harness/timer.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY_FILE "libpab_timer.so"

/* Beside this program: one that was copied away without it must not find another build's. */
static bool find_library(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - sizeof(LIBRARY_FILE));
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    memcpy(slash == NULL ? path : slash + 1, LIBRARY_FILE, sizeof(LIBRARY_FILE));
    return access(path, R_OK) == 0;
}

const char *pab_timer_run(const struct pab_timed *timed, struct pab_timing *out)
{
    static char path[4096];
    if (!find_library(path, sizeof(path))) {
        return LIBRARY_FILE ", which calibrates, is not beside this program: build the target "
                            "pab_timer, or copy it along (the preset sprint does without it)";
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library == NULL ? NULL : dlsym(library, "pab_timer_gbench");
    if (symbol == NULL) {
        return dlerror();
    }
    void (*gbench)(const struct pab_timed *timed, struct pab_timing *out) = NULL;
    memcpy(&gbench, &symbol, sizeof(gbench));
    gbench(timed, out);
    return NULL;
}
