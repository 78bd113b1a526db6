/* tests/conformance/domains/zero_size.c -- Python's rule for zero bytes, which is not C's. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/subject.h"

#include <inttypes.h>

#define BLOCKS 1000

static const char *const domain_names[PAB_DOMAIN_COUNT] = {"raw", "mem", "obj"};

/* --- blocks of zero bytes --------------------------------------------------------------------- */

static void *take_zero(const struct pab_subject *subject, size_t i)
{
    switch (i % 4) {
    case 0:
        return pab_subject_malloc(subject, 0);
    case 1:
        return pab_subject_calloc(subject, 0, 8);
    case 2:
        return pab_subject_calloc(subject, 8, 0);
    default:
        return pab_subject_realloc(subject, NULL, 0);
    }
}

static bool hold_distinct(struct pab_check_run *run, const struct pab_subject *subject,
                          const char *domain)
{
    static const char *const calls[] = {"malloc(0)", "calloc(0, 8)", "calloc(8, 0)",
                                        "realloc(NULL, 0)"};
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = take_zero(subject, i);
        run->ops_done++;
        if (blocks[i] == NULL) {
            return pab_wrong(run, "%s of the %s domain gave NULL", calls[i % 4], domain);
        }
        for (size_t j = 0; j < i; j++) {
            if (blocks[j] == blocks[i]) {
                return pab_wrong(run,
                                 "%s and %s of the %s domain gave the same address: blocks "
                                 "%zu and %zu, both alive",
                                 calls[j % 4], calls[i % 4], domain, j, i);
            }
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        pab_subject_free(subject, blocks[i]);
    }
    return true;
}

static enum pab_verdict zero_size_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        pab_subject_init_domain(&subject, run->heap, (enum pab_domain)domain);
        holds = hold_distinct(run, &subject, domain_names[domain]);
    }
    return pab_judge(run, holds);
}

/* --- realloc to zero bytes -------------------------------------------------------------------- */

#define SHRUNK 400
#define LATER  2000

static bool is_among(const void *block, void *const *others, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (others[i] == block) {
            return true;
        }
    }
    return false;
}

/* Blocks shrunk to nothing are alive: nobody else gets them, and they can grow again. They are not
 * written to: there is nothing in them that a caller may use. */
static bool hold_shrunk(struct pab_check_run *run, const struct pab_subject *subject,
                        const char *domain)
{
    static const size_t sizes[] = {1, 8, 16, 100, 512, 513, 5000, 300000};
    static void *shrunk[SHRUNK];
    static void *later[LATER];
    for (size_t i = 0; i < SHRUNK; i++) {
        size_t size = sizes[i % ARRAY_COUNT(sizes)];
        void *block = pab_subject_malloc(subject, size);
        shrunk[i] = block == NULL ? NULL : pab_subject_realloc(subject, block, 0);
        run->ops_done++;
        if (shrunk[i] == NULL || is_among(shrunk[i], shrunk, i)) {
            return pab_wrong(run, "realloc(p, 0) of the %s domain gave %s for a block of %zu bytes",
                             domain, shrunk[i] == NULL ? "NULL" : "a block that lives already",
                             size);
        }
    }
    for (size_t i = 0; i < LATER; i++) {
        later[i] = pab_subject_malloc(subject, i % 2 == 0 ? 1 : sizes[i / 2 % 4]);
        if (is_among(later[i], shrunk, SHRUNK)) {
            return pab_wrong(run, "malloc of the %s domain gave a block that realloc(p, 0) gave",
                             domain);
        }
    }
    for (size_t i = 0; i < SHRUNK; i++) {
        void *grown = pab_subject_realloc(subject, shrunk[i], 40);
        if (grown == NULL || is_among(grown, later, LATER)) {
            return pab_wrong(run, "a block of the %s domain could not grow again from 0 bytes",
                             domain);
        }
        pab_subject_free(subject, grown);
    }
    for (size_t i = 0; i < LATER; i++) {
        pab_subject_free(subject, later[i]);
    }
    return true;
}

static enum pab_verdict shrink_to_zero_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        pab_subject_init_domain(&subject, run->heap, (enum pab_domain)domain);
        holds = hold_shrunk(run, &subject, domain_names[domain]);
    }
    pab_compared(run, "%" PRIu64 " blocks of 1 to 300,000 bytes over 3 domains", run->ops_done);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-01",
        .summary = "zero bytes give a distinct block, by every call and in every domain",
        .source = "CPython Doc/c-api/memory.rst: as if one byte had been asked for",
        .flags = PAB_CHECK_PREFLIGHT,
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = zero_size_run,
    },
    {
        .id = "PYM-02",
        .summary = "realloc(p, 0) resizes: the block lives on, unlike in C",
        .source = "CPython Doc/c-api/memory.rst: resized but not freed, the result is not NULL",
        .flags = PAB_CHECK_PREFLIGHT,
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = shrink_to_zero_run,
    },
};

const struct pab_check_group pab_checks_zero_size = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
