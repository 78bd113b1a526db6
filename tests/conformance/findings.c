#include "harness/check.h"

#include <string.h>

/* Failures of released allocators, each with a program that shows it without this project:
 * results/reference/findings. A release that no longer fails stays here, so that it is told. */
static const struct pab_finding findings[] = {
    {"mimalloc", "mimalloc 2.0.9", "ALN-01", "aligned_alloc(align 256, size 256)",
     "results/reference/findings/ALN-01.c"},
    {"mimalloc", "mimalloc 2.0.9", "MOD-010", "ALN-01: ", "results/reference/findings/ALN-01.c"},
    {"mimalloc", "mimalloc 2.0.9", "OOM-06", "one request made more than",
     "results/reference/findings/OOM-06.c"},
    {"tcmalloc", "gperftools 2.10", "ALN-08", "pvalloc(", "results/reference/findings/ALN-08.c"},
    {"jemalloc", "jemalloc 5.3.0", "OOM-16", "died of SIGSEGV",
     "results/reference/findings/OOM-16.c"},
};

const struct pab_finding *pab_finding_of(const struct pab_backend *backend, const char *version,
                                         const char *check, const char *reason)
{
    for (size_t i = 0; i < ARRAY_COUNT(findings); i++) {
        const struct pab_finding *finding = &findings[i];
        if (strcmp(finding->check, check) == 0 && strcmp(finding->backend, backend->name) == 0 &&
            strcmp(finding->version, version) == 0 && strstr(reason, finding->tells) != NULL) {
            return finding;
        }
    }
    return NULL;
}
