/* tests/unit/profile_samples.h -- the blocks of a trace, and those of a run of `profiles`. Depends
 * on workloads/support/profile.h; on cmocka: what goes wrong fails the test.
 */
#ifndef PAB_TESTS_UNIT_PROFILE_SAMPLES_H
#define PAB_TESTS_UNIT_PROFILE_SAMPLES_H

#include "workloads/support/profile.h"
#include "workloads/workload.h"

#define PAB_SAMPLE_MAX   600000u
#define PAB_SAMPLE_STEPS 100000u

struct pab_made {
    uint64_t life;
    uint32_t born, first, last, resizes; /* two sizes */
    uint8_t domain, how;
};

/* Blocks in the order in which they were made. */
struct pab_sample {
    struct pab_made *blocks; /* PAB_SAMPLE_MAX places */
    uint32_t count;
};

/* What was alive when a phase began. */
struct pab_sample_live {
    uint64_t blocks[PAB_PHASE_COUNT];
};

void pab_sample_path(const struct pab_profile *profile, char *out, size_t bytes);
/* Of the trace of a profile. */
void pab_sample_source(const struct pab_profile *profile, struct pab_sample *out);
/* How many of a trace's blocks are alive on average. */
uint32_t pab_sample_mean_live(const struct pab_sample *sample);

/* Of one body of the workload with PAB_SAMPLE_STEPS steps: the blocks made first, as many as there
 * are steps. Each of these has lived to its end before the drain. */
struct pab_sample_live pab_sample_run(unsigned program, uint32_t live, struct pab_sample *out);
/* The same of any table. */
void pab_sample_table(const struct pab_profile *table, uint32_t live, struct pab_sample *out);

#endif
