/* tests/conformance/domains/zero_size.c -- Python's rule for zero bytes, which is not C's. */
#include "harness/check.h"

#define BLOCKS 1000

static bool fail(struct pab_check_run *run, const char *what)
{
    snprintf(run->reason, sizeof(run->reason), "%s", what);
    return false;
}

/* Blocks that live at the same time are told apart by what is written into them. */
static bool hold_distinct(struct pab_check_run *run, const struct pab_alloc *alloc)
{
    static unsigned short *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        switch (i % 4) {
        case 0:
            blocks[i] = alloc->malloc(alloc->ctx, 0);
            break;
        case 1:
            blocks[i] = alloc->calloc(alloc->ctx, 0, 8);
            break;
        case 2:
            blocks[i] = alloc->calloc(alloc->ctx, 8, 0);
            break;
        default:
            blocks[i] = alloc->realloc(alloc->ctx, NULL, 0);
            break;
        }
        if (blocks[i] == NULL) {
            return fail(run, "a request for zero bytes gave NULL");
        }
        for (size_t j = 0; j < i; j++) {
            if (blocks[j] == blocks[i]) {
                return fail(run, "two live blocks of zero bytes share an address");
            }
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        alloc->free(alloc->ctx, blocks[i]);
    }
    return true;
}

static bool shrink_to_zero(struct pab_check_run *run, const struct pab_alloc *alloc)
{
    void *block = alloc->malloc(alloc->ctx, 100);
    void *shrunk = block == NULL ? NULL : alloc->realloc(alloc->ctx, block, 0);
    if (shrunk == NULL) {
        return fail(run, "realloc(p, 0) gave NULL");
    }
    alloc->free(alloc->ctx, shrunk);
    alloc->free(alloc->ctx, NULL);
    return true;
}

static enum pab_verdict zero_size_run(struct pab_check_run *run)
{
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        const struct pab_alloc *alloc = &run->heap->domain[domain];
        if (!hold_distinct(run, alloc) || !shrink_to_zero(run, alloc)) {
            return PAB_FAIL;
        }
    }
    return PAB_PASS;
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-01",
        .summary = "zero bytes give a distinct block, in every domain; realloc(p, 0) resizes",
        .source = "CPython Doc/c-api/memory.rst: as if one byte had been asked for",
        .flags = PAB_CHECK_PREFLIGHT,
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = zero_size_run,
    },
};

const struct pab_check_group pab_checks_zero_size = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
