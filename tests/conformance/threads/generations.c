/* tests/conformance/threads/generations.c -- threads come and go: what they leave behind is either
 * still somebody's block, or nobody's. */
#include "tests/conformance/support/process.h"
#include "tests/conformance/threads/growth.h"
#include "tests/conformance/threads/team.h"
#include "tests/conformance/threads/traffic.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#define GENERATIONS 40u

/* --- THR-04: blocks outlive their owners ------------------------------------------------------- */

static enum pab_verdict heirs_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    pab_subject_init(&subject, run->heap);
    bool holds = true;
    for (size_t i = 0; holds && i < GENERATIONS; i++) {
        holds = pab_traffic_run(run, &subject,
                                &(struct pab_traffic){
                                    .threads = 4,
                                    .steps = pab_budget(run, 120000, 0) / GENERATIONS,
                                    .slots = 1500,
                                    .seed = run->seed * GENERATIONS + i,
                                    .keeps_blocks = i + 1 < GENERATIONS,
                                });
    }
    pab_compared(run, "%u generations of 4 threads on one set of 1500 slots, %" PRIu64 " steps",
                 GENERATIONS, run->ops_done);
    return pab_judge(run, holds);
}

/* --- THR-05: nothing is left of a thread that freed all ---------------------------------------- */

#define CHURN_TEAM  8
#define CHURN_SIZES 32
#define CHURN_EACH  8
#define CHURN_STEP  ((size_t)32)
#define CHURN_COUNT ((size_t)CHURN_SIZES * CHURN_EACH)

struct churn {
    const struct pab_subject *subject;
    void *blocks[CHURN_TEAM][CHURN_COUNT];
};

static struct churn churn;

static size_t churn_size(size_t i)
{
    return CHURN_STEP * (CHURN_SIZES - i % CHURN_SIZES);
}

/* Some of each of many sizes, so that a cache holds what it can when the thread ends; the largest
 * are freed first, should it hold but few. */
static void churn_member(struct pab_team *team, size_t index, void *arg)
{
    (void)arg;
    void **blocks = churn.blocks[index];
    for (size_t i = 0; i < CHURN_COUNT; i++) {
        blocks[i] = pab_subject_malloc(churn.subject, churn_size(i));
        if (blocks[i] == NULL) {
            pab_team_wrong(team, "NULL for %zu bytes", churn_size(i));
            break;
        }
        memset(blocks[i], (int)index, churn_size(i));
    }
    for (size_t i = 0; i < CHURN_COUNT && blocks[i] != NULL; i++) {
        pab_subject_free(churn.subject, blocks[i]);
        blocks[i] = NULL;
    }
}

static void churn_nothing(struct pab_team *team, size_t index, void *arg)
{
    (void)team;
    (void)index;
    (void)arg;
}

/* Resident bytes that so many threads leave behind by themselves: a sanitizer keeps notes. */
static size_t churn_alone(struct pab_team *team, uint64_t threads)
{
    size_t before = pab_process_rss_bytes();
    for (uint64_t i = 0; i < threads; i += CHURN_TEAM) {
        (void)pab_team_run(team, CHURN_TEAM, churn_nothing, NULL);
    }
    size_t after = pab_process_rss_bytes();
    return after > before ? after - before : 0;
}

static enum pab_verdict churn_run(struct pab_check_run *run)
{
    static struct pab_team team;
    struct pab_subject subject;
    struct pab_growth growth;
    uint64_t threads = pab_budget(run, 1000, 50000);
    uint64_t thread_bytes = 0;
    for (size_t i = 0; i < CHURN_COUNT; i++) {
        thread_bytes += churn_size(i);
    }
    pab_subject_init(&subject, run->heap);
    team.run = run;
    churn.subject = &subject;
    pab_growth_begin(&growth, run, &subject, threads * thread_bytes);
    growth.apart = churn_alone(&team, threads);
    bool holds = true;
    for (; holds && run->ops_done < threads; run->ops_done += CHURN_TEAM) {
        holds = pab_team_run(&team, CHURN_TEAM, churn_member, NULL);
        pab_growth_round(&growth, CHURN_TEAM * thread_bytes);
    }
    holds = holds && pab_growth_holds(&growth);
    char grown[128];
    pab_growth_describe(&growth, grown, sizeof(grown));
    pab_compared(run, "%" PRIu64 " threads, %d at a time, each took and freed %zu blocks; %s",
                 run->ops_done, CHURN_TEAM, CHURN_COUNT, grown);
    return pab_judge(run, holds);
}

/* --- THR-16: what threads hold that the program does not ---------------------------------------- */

#define BLOWUP_TEAM   8
#define BLOWUP_BLOCKS 16384
#define BLOWUP_SIZE   256u
#define BLOWUP_LIMIT  3.0
#define LINE_BYTES    64u
#define LINE_SIZE     16u

struct blowup {
    const struct pab_subject *subject;
    void *blocks[BLOWUP_BLOCKS];
    size_t start_rss, peak_gain;
    void *small[2][BLOWUP_BLOCKS / 8];
};

static struct blowup blowup;

static void blowup_fill(struct pab_team *team)
{
    for (size_t i = 0; i < BLOWUP_BLOCKS && !team->is_over; i++) {
        blowup.blocks[i] = pab_subject_malloc(blowup.subject, BLOWUP_SIZE);
        if (blowup.blocks[i] == NULL) {
            pab_team_wrong(team, "NULL for %u bytes", BLOWUP_SIZE);
        } else {
            memset(blowup.blocks[i], 1, BLOWUP_SIZE);
        }
    }
    size_t now = pab_process_rss_bytes();
    size_t gain = now > blowup.start_rss ? now - blowup.start_rss : 0;
    blowup.peak_gain = gain > blowup.peak_gain ? gain : blowup.peak_gain;
}

static void blowup_empty(void)
{
    for (size_t i = 0; i < BLOWUP_BLOCKS; i++) {
        pab_subject_free(blowup.subject, blowup.blocks[i]);
        blowup.blocks[i] = NULL;
    }
}

/* One thread after the other fills, and the next one empties: never more than one load is live. */
static void blowup_member(struct pab_team *team, size_t index, void *arg)
{
    (void)arg;
    for (size_t turn = 0; turn <= BLOWUP_TEAM; turn++) {
        if (turn % BLOWUP_TEAM == index && turn > 0) {
            blowup_empty();
        }
        if (turn == index) {
            blowup_fill(team);
        }
        pthread_barrier_wait(&team->start);
    }
}

/* Two threads take small blocks in turn: each line of cache that holds blocks of both is one over
 * which they will fight. */
static void lines_member(struct pab_team *team, size_t index, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < ARRAY_COUNT(blowup.small[0]); i++) {
        blowup.small[index][i] = pab_subject_malloc(blowup.subject, LINE_SIZE);
        if (i % 64 == 0) {
            pthread_barrier_wait(&team->start);
        }
    }
}

static size_t shared_lines(void)
{
    size_t count = ARRAY_COUNT(blowup.small[0]);
    size_t shared = 0;
    for (size_t i = 0; i < count; i++) {
        uintptr_t line = (uintptr_t)blowup.small[0][i] / LINE_BYTES;
        bool is_shared = false;
        for (size_t j = 0; j < count && !is_shared; j++) {
            is_shared = (uintptr_t)blowup.small[1][j] / LINE_BYTES == line;
        }
        shared += is_shared;
    }
    return shared;
}

static enum pab_verdict blowup_run(struct pab_check_run *run)
{
    static struct pab_team team;
    struct pab_subject subject;
    pab_subject_init(&subject, run->heap);
    team.run = run;
    blowup.subject = &subject;
    pab_process_avoid_huge_pages();
    blowup.start_rss = pab_process_rss_bytes();
    bool holds = pab_team_run(&team, BLOWUP_TEAM, blowup_member, NULL);
    double live = (double)BLOWUP_BLOCKS * BLOWUP_SIZE;
    double multiple = (double)blowup.peak_gain / live;
    holds = holds && pab_team_run(&team, 2, lines_member, NULL);
    run->ops_done = (uint64_t)2 * BLOWUP_TEAM * BLOWUP_BLOCKS;
    pab_compared(run,
                 "peak %.2f times the live bytes (allowed %.1f), %d threads in turn; %zu of %zu "
                 "blocks of %u bytes share a cache line with another thread's",
                 multiple, BLOWUP_LIMIT, BLOWUP_TEAM, shared_lines(), ARRAY_COUNT(blowup.small[0]),
                 LINE_SIZE);
    if (holds && multiple > BLOWUP_LIMIT) {
        holds = pab_wrong(run, "%d threads in turn hold %.2f times the live bytes, over %.1f",
                          BLOWUP_TEAM, multiple, BLOWUP_LIMIT);
    }
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "THR-04",
        .summary = "blocks outlive the threads that made them",
        .source = "C23 7.24.3: lifetimes end with free alone; glibc tst-malloc-thread-exit",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .admit = pab_team_admit,
        .run = heirs_run,
    },
    {
        .id = "THR-05",
        .summary = "nothing stays of threads that freed all that they took",
        .source = "glibc tst-malloc-tcache-leak",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .needs = PAB_CAP_THREADS,
        .admit = pab_team_admit,
        .run = churn_run,
    },
    {
        .id = "THR-16",
        .summary = "threads that work in turn hold a small multiple of what one of them needs",
        .source = "Berger et al., Hoard (ASPLOS 2000): blow-up and false sharing",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .needs = PAB_CAP_THREADS,
        .admit = pab_team_admit,
        .run = blowup_run,
    },
};

const struct pab_check_group pab_checks_generations = {PAB_CHECK_CONTRACT, checks,
                                                       ARRAY_COUNT(checks)};
