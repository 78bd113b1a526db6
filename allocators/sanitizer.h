/* allocators/sanitizer.h -- whether a sanitizer's runtime shares this process. Depends on libc. */
#ifndef PAB_ALLOCATORS_SANITIZER_H
#define PAB_ALLOCATORS_SANITIZER_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

/* AddressSanitizer or ThreadSanitizer: it needs memory of its own, ends the process when that is
 * refused, and has to be reached by every object that is loaded. */
static inline bool pab_sanitizer_runs(void)
{
    return dlsym(RTLD_DEFAULT, "__asan_init") != NULL || dlsym(RTLD_DEFAULT, "__tsan_init") != NULL;
}

#endif
