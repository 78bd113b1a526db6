/* harness/pass_time.c -- one cold body, then, if there is time, Google Benchmark's repetitions. */
#include "harness/pass.h"
#include "harness/self.h"
#include "harness/timer.h"

struct timed_body {
    const struct pab_workload *workload;
    struct pab_run *run;
    uint64_t checksum;       /* of the first body; every other one must agree */
    uint64_t later_checksum; /* of one that does not, or the same */
};

/* What of the first body's time is none of its own; the timer keeps count itself. */
static struct {
    struct pab_timer_clock timer;
    uint64_t wall_ns, cpu_ns;               /* while the clocks stood still */
    uint64_t paused_wall_ns, paused_cpu_ns; /* when they were stopped */
} clocks;

static void pause_clocks(struct pab_run *run, bool paused)
{
    (void)run;
    if (clocks.timer.timer != NULL) {
        (paused ? clocks.timer.stop : clocks.timer.go_on)(clocks.timer.timer);
    } else if (paused) {
        clocks.paused_wall_ns = pab_wall_ns();
        clocks.paused_cpu_ns = pab_cpu_ns();
    } else {
        clocks.cpu_ns += pab_cpu_ns() - clocks.paused_cpu_ns;
        clocks.wall_ns += pab_wall_ns() - clocks.paused_wall_ns;
    }
}

/* What Google Benchmark times: the body, one comparison, and for `null` a pointer's reset. */
static void timed_body(void *arg)
{
    struct timed_body *timed = arg;
    timed->workload->body(timed->run);
    if (__builtin_expect(timed->run->checksum != timed->checksum, 0)) {
        timed->later_checksum = timed->run->checksum;
    }
    if (timed->run->heap->backend->reset != NULL) {
        timed->run->heap->backend->reset(timed->run->heap);
    }
}

/* The first body, which finds neither pages nor caches ready. */
static void time_first(const struct pab_workload *workload, struct pab_run *run,
                       struct pab_time_sample *sample)
{
    struct pab_faults before = pab_faults_read();
    uint64_t wall_ns = pab_wall_ns();
    uint64_t cpu_ns = pab_cpu_ns();
    workload->body(run);
    sample->cold_cpu_ns = pab_cpu_ns() - cpu_ns - clocks.cpu_ns;
    sample->rep_wall_ns[0] = (double)(pab_wall_ns() - wall_ns - clocks.wall_ns);
    struct pab_faults after = pab_faults_read();
    sample->minor_faults = after.minor - before.minor;
    sample->major_faults = after.major - before.major;
    sample->op_count = run->op_count;
    sample->checksum = run->checksum;
    if (run->heap->backend->reset != NULL) {
        run->heap->backend->reset(run->heap);
    }
}

/* Those that follow, as many as fill the job's time. */
static void time_others(const struct pab_workload *workload, struct pab_run *run,
                        const struct pab_job *job, struct pab_time_sample *sample)
{
    struct timed_body body = {.workload = workload,
                              .run = run,
                              .checksum = run->checksum,
                              .later_checksum = run->checksum};
    struct pab_timed timed = {timed_body, &body, &clocks.timer, job->min_time_s, job->reps};
    struct pab_timing timing = {.wall_ns = sample->rep_wall_ns, .cpu_ns = sample->rep_cpu_ns};
    struct pab_error err;
    const char *missing = pab_timer_run(&timed, &timing);
    if (missing != NULL) {
        pab_fail(&err, PAB_UNAVAILABLE, "%s", missing);
        pab_worker_refuse("unavailable", &err);
    }
    pab_worker_expect_alike(body.checksum, body.later_checksum);
    if (timing.rep_count != job->reps) {
        pab_fail(&err, PAB_IO, "the timer gave %u repetitions, not %u", timing.rep_count,
                 job->reps);
        pab_worker_refuse("internal", &err);
    }
    sample->rep_count = timing.rep_count;
    sample->iterations = timing.iterations;
}

/* Without a time to fill, the first body is the only one: what a process costs beside it, and what
 * processes differ by, is paid once a body anyway (README.md, "short samples"). */
static void run_time(const struct pab_workload *workload, struct pab_run *run,
                     const struct pab_job *job)
{
    static struct pab_time_sample sample;
    run->on_pause = pause_clocks;
    time_first(workload, run, &sample);
    if (job->min_time_s > 0) {
        time_others(workload, run, job, &sample);
    } else {
        sample.rep_cpu_ns[0] = (double)sample.cold_cpu_ns;
        sample.rep_count = 1;
        sample.iterations = 1;
    }
    pab_worker_send(PAB_MESSAGE_TIME, &sample, sizeof(sample));
}

const struct pab_pass pab_pass_time = {
    .name = "time",
    .summary = "CPU and wall time of bodies, the first one kept apart",
    .contract = PAB_PASS_CONTRACT,
    .flags = PAB_PASS_BY_DEFAULT | PAB_PASS_ROUNDS,
    .weight = 1,
    .patience = 1,
    .result = PAB_MESSAGE_TIME,
    .run = run_time,
};
