/* tests/conformance/threads/growth.h -- whether memory that was freed is used again, by resident
 * bytes. Depends on support/judge.h, support/subject.h.
 *
 *     struct pab_growth growth;
 *     pab_growth_begin(&growth, run, subject);
 *     ... each round: pab_growth_round(&growth, bytes that it allocated and freed again) ...
 *     holds = pab_growth_holds(&growth)
 *
 * The first quarter of the bytes warms up. An allocator that uses nothing again even where one
 * thread does all (a bump pointer may do so by right) is not held to it.
 */
#ifndef PAB_TESTS_CONFORMANCE_THREADS_GROWTH_H
#define PAB_TESTS_CONFORMANCE_THREADS_GROWTH_H

#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/subject.h"

/* What may stay beside a share of the bytes: caches, and the kernel's own rounding of counts. */
#define PAB_GROWTH_SLACK ((size_t)2 << 20)
#define PAB_GROWTH_SHARE 64u

struct pab_growth {
    struct pab_check_run *run;
    bool reuses;
    uint64_t total;         /* that are going to be passed to pab_growth_round() in all */
    uint64_t passed, since; /* all bytes; those after the warm-up */
    size_t warm_rss, last_rss;
    size_t apart; /* bytes that are known to be gained by others, such as the threads themselves */
};

void pab_growth_begin(struct pab_growth *growth, struct pab_check_run *run,
                      const struct pab_subject *subject, uint64_t total);
void pab_growth_round(struct pab_growth *growth, uint64_t bytes);

/* False: pab_wrong() has been told. */
bool pab_growth_holds(const struct pab_growth *growth);

/* "3 KiB more resident after 120 MiB passed, allowed 9.5 MiB" */
void pab_growth_describe(const struct pab_growth *growth, char *out, size_t size);

#endif
