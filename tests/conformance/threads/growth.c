#include "tests/conformance/threads/growth.h"

#include "tests/conformance/support/process.h"

#include <string.h>

#define TRIAL_BLOCKS 16384u
#define TRIAL_BYTES  1024u

/* One thread, one block at a time: 16 MiB that need 1 KiB. */
static bool reuses(const struct pab_subject *subject)
{
    size_t before = pab_process_rss_bytes();
    for (size_t i = 0; i < TRIAL_BLOCKS; i++) {
        void *block = pab_subject_malloc(subject, TRIAL_BYTES);
        if (block != NULL) {
            memset(block, 1, TRIAL_BYTES);
            pab_subject_free(subject, block);
        }
    }
    return pab_process_rss_bytes() < before + TRIAL_BLOCKS * TRIAL_BYTES / 2;
}

void pab_growth_begin(struct pab_growth *growth, struct pab_check_run *run,
                      const struct pab_subject *subject, uint64_t total)
{
    pab_process_avoid_huge_pages();
    *growth = (struct pab_growth){.run = run, .reuses = reuses(subject), .total = total};
}

void pab_growth_round(struct pab_growth *growth, uint64_t bytes)
{
    bool was_warm = growth->warm_rss != 0;
    growth->passed += bytes;
    growth->since += was_warm ? bytes : 0;
    growth->last_rss = pab_process_rss_bytes();
    if (!was_warm && growth->passed >= growth->total / 4) {
        growth->warm_rss = growth->last_rss;
    }
}

static size_t allowed(const struct pab_growth *growth)
{
    size_t kernels = pab_process_rss_slack();
    return (kernels > PAB_GROWTH_SLACK ? kernels : PAB_GROWTH_SLACK) + growth->apart +
           (size_t)growth->since / PAB_GROWTH_SHARE;
}

static size_t gained(const struct pab_growth *growth)
{
    return growth->last_rss > growth->warm_rss ? growth->last_rss - growth->warm_rss : 0;
}

void pab_growth_describe(const struct pab_growth *growth, char *out, size_t size)
{
    if (!growth->reuses) {
        snprintf(out, size, "it uses nothing again, by one thread either");
        return;
    }
    snprintf(out, size, "%zu KiB more resident after %llu KiB passed, allowed %zu KiB",
             gained(growth) >> 10, (unsigned long long)growth->since >> 10, allowed(growth) >> 10);
}

bool pab_growth_holds(const struct pab_growth *growth)
{
    if (!growth->reuses || gained(growth) <= allowed(growth)) {
        return true;
    }
    char what[128];
    pab_growth_describe(growth, what, sizeof(what));
    return pab_wrong(growth->run, "what was freed is not used again: %s", what);
}
