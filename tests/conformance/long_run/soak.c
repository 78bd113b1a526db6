/* tests/conformance/long_run/soak.c -- threads on shared blocks for as long as one likes. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/threads/team.h"
#include "tests/conformance/threads/traffic.h"

#define LONG_STEPS 20000000u

static enum pab_verdict soak_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    size_t threads = 4 * (size_t)pab_process_cpus();
    pab_subject_init(&subject, run->heap);
    bool holds = pab_traffic_run(run, &subject,
                                 &(struct pab_traffic){
                                     .threads = threads < PAB_TEAM_MAX ? threads : PAB_TEAM_MAX,
                                     .steps = pab_budget(run, LONG_STEPS, 0),
                                     .slots = PAB_TRAFFIC_SLOTS,
                                     .seed = run->seed,
                                     .nap_every = 10000,
                                     .move_every = 100000,
                                 });
    pab_compared(run, "%zu threads, %llu steps", threads, (unsigned long long)run->ops_done);
    return holds ? PAB_PASS : PAB_FAIL; /* lost bytes are no question of quality */
}

static const struct pab_check checks[] = {
    {
        .id = "LNG-09",
        .summary = "a soak of random calls by four threads for each CPU loses nothing",
        .source = "C23 7.24.3; rpmalloc's stress test of 30 s to 8 h",
        .flags = PAB_CHECK_LONG,
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .admit = pab_team_admit,
        .run = soak_run,
    },
};

const struct pab_check_group pab_checks_soak = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
