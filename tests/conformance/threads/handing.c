/* tests/conformance/threads/handing.c -- blocks freed by other threads than their owners', step by
 * step with barriers, so that each free is of the kind that is meant. */
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/sort.h"
#include "tests/conformance/threads/growth.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define TEAM   4
#define HANDED 256 /* blocks that each thread takes in a round */

struct parcel {
    unsigned char *block;
    size_t size;
    uint64_t key;
};

static bool parcel_take(struct pab_team *team, const struct pab_subject *subject,
                        struct parcel *parcel, size_t size, uint64_t key)
{
    *parcel = (struct parcel){pab_subject_malloc(subject, size), size, key};
    if (parcel->block == NULL) {
        return pab_team_wrong(team, "NULL for %zu bytes", size);
    }
    pab_pattern_fill(parcel->block, 0, size, key);
    return true;
}

static bool parcel_holds(struct pab_team *team, const struct parcel *parcel, const char *when)
{
    size_t bad = 0;
    return pab_pattern_holds(parcel->block, 0, parcel->size, parcel->key, &bad) ||
           pab_team_wrong(team, "byte %zu of a block of %zu bytes changed, seen %s, seed %" PRIu64,
                          bad, parcel->size, when, team->run->seed);
}

static void parcel_give(struct pab_team *team, const struct pab_subject *subject,
                        struct parcel *parcel, const char *when)
{
    if (parcel->block != NULL) {
        (void)parcel_holds(team, parcel, when);
        pab_subject_free(subject, parcel->block);
        parcel->block = NULL;
    }
}

/* --- THR-02: half of all frees are another thread's ------------------------------------------ */

struct exchange {
    const struct pab_subject *subject;
    struct pab_growth *growth;
    size_t rounds;
    struct parcel parcels[TEAM][HANDED];
};

static struct exchange exchange;

#define EXCHANGE_MOST 1024u
#define EXCHANGE_MEAN (EXCHANGE_MOST / 2)

static void exchange_take(struct pab_team *team, size_t index, struct pab_rng *rng)
{
    for (size_t i = 0; i < HANDED && !team->is_over; i++) {
        uint64_t key = pab_rng_next(rng);
        size_t size = 1 + pab_rng_below(rng, EXCHANGE_MOST);
        (void)parcel_take(team, exchange.subject, &exchange.parcels[index][i], size, key);
    }
}

/* Even blocks go back by their owner, odd ones by the next thread. */
static void exchange_give(struct pab_team *team, size_t index)
{
    struct parcel *others = exchange.parcels[(index + 1) % TEAM];
    for (size_t i = 0; i < HANDED; i++) {
        struct parcel *parcel = i % 2 == 0 ? &exchange.parcels[index][i] : &others[i];
        parcel_give(team, exchange.subject, parcel, "by the thread that frees it");
    }
}

static void exchange_member(struct pab_team *team, size_t index, void *arg)
{
    (void)arg;
    struct pab_rng rng;
    pab_rng_seed(&rng, team->run->seed * TEAM + index);
    bool goes_on = true;
    for (size_t round = 0; goes_on && round < exchange.rounds; round++) {
        exchange_take(team, index, &rng);
        pthread_barrier_wait(&team->start);
        exchange_give(team, index);
        pthread_barrier_wait(&team->start);
        goes_on = !team->is_over; /* the same for all: nobody writes it before the next barrier */
        if (index == 0) {
            team->run->ops_done += (uint64_t)2 * TEAM * HANDED;
            pab_growth_round(exchange.growth, (uint64_t)TEAM * HANDED * EXCHANGE_MEAN);
        }
        pthread_barrier_wait(&team->start);
    }
}

static enum pab_verdict exchange_run(struct pab_check_run *run)
{
    static struct pab_team team;
    struct pab_subject subject;
    struct pab_growth growth;
    pab_subject_init(&subject, run->heap);
    team.run = run;
    exchange.subject = &subject;
    exchange.growth = &growth;
    exchange.rounds = pab_budget(run, 400000, 0) / ((uint64_t)2 * TEAM * HANDED) + 4;
    pab_growth_begin(&growth, run, &subject,
                     (uint64_t)exchange.rounds * TEAM * HANDED * EXCHANGE_MEAN);
    bool holds = pab_team_run(&team, TEAM, exchange_member, NULL) && pab_growth_holds(&growth);
    char grown[128];
    pab_growth_describe(&growth, grown, sizeof(grown));
    pab_compared(run, "%zu rounds, %d threads, half of the frees by another thread; %s",
                 exchange.rounds, TEAM, grown);
    return pab_judge(run, holds);
}

/* --- THR-06: frees while their owner ends ---------------------------------------------------- */

#define RACE_BLOCKS 48

struct race {
    const struct pab_subject *subject;
    struct pab_team team; /* for its words; the owner is a thread of its own */
    uint64_t round;
    struct parcel parcels[RACE_BLOCKS];
    atomic_uint arrived; /* who stands at the line: 2 and off they go */
};

static struct race race;

static void race_line_up(void)
{
    atomic_fetch_add(&race.arrived, 1);
    while (atomic_load(&race.arrived) < 2) {
        sched_yield();
    }
}

static void *race_owner(void *arg)
{
    (void)arg;
    struct pab_rng rng;
    pab_rng_seed(&rng, race.team.run->seed + race.round);
    for (size_t i = 0; i < RACE_BLOCKS; i++) {
        size_t size = 1 + pab_rng_below(&rng, i % 16 == 0 ? 40000 : 600);
        (void)parcel_take(&race.team, race.subject, &race.parcels[i], size, race.round + i);
    }
    race_line_up();
    return NULL; /* and the thread ends, while its blocks are freed */
}

static bool race_round(void)
{
    pthread_t owner;
    atomic_store(&race.arrived, 0);
    if (pthread_create(&owner, NULL, race_owner, NULL) != 0) {
        return pab_team_wrong(&race.team, "no thread is to be had");
    }
    race_line_up();
    for (size_t i = 0; i < RACE_BLOCKS; i++) {
        parcel_give(&race.team, race.subject, &race.parcels[i], "while its owner ended");
    }
    pthread_join(owner, NULL);
    return !race.team.is_over;
}

static enum pab_verdict race_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_growth growth;
    uint64_t rounds = pab_budget(run, 100000, 0) / ((uint64_t)2 * RACE_BLOCKS) + 4;
    uint64_t round_bytes = RACE_BLOCKS * (15 * 300 + 20000) / 16;
    pab_subject_init(&subject, run->heap);
    race.subject = &subject;
    race.team.run = run;
    race.team.count = 2;
    pthread_mutex_init(&race.team.mutex, NULL);
    pab_growth_begin(&growth, run, &subject, rounds * round_bytes);
    bool holds = true;
    for (race.round = 0; holds && race.round < rounds; race.round++) {
        holds = race_round();
        run->ops_done += (uint64_t)2 * RACE_BLOCKS;
        pab_growth_round(&growth, round_bytes);
    }
    /* How much stays is no part of this statement: a cache of what others made may fill slowly. */
    char grown[128];
    pab_growth_describe(&growth, grown, sizeof(grown));
    pab_compared(run, "%" PRIu64 " threads ended while their %d blocks were freed; %s", race.round,
                 RACE_BLOCKS, grown);
    return pab_judge(run, holds);
}

/* --- THR-07: neighbours in one slab ------------------------------------------------------------ */

#define MATES 512

/* Thread 0 owns; 1 and 2 free `old`, each every other block in order of address, while the owner
 * fills `fresh`. */
struct mates {
    const struct pab_subject *subject;
    struct pab_growth *growth;
    size_t rounds;
    struct parcel old[MATES], fresh[MATES];
    uint64_t neighbours; /* pairs within a page that were freed by two threads */
};

static struct mates mates;

static const size_t mate_sizes[] = {16, 48, 64, 256, 1024};

static int by_address(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)((const struct parcel *)left)->block;
    uintptr_t b = (uintptr_t)((const struct parcel *)right)->block;
    return (a > b) - (a < b);
}

static void mates_take(struct pab_team *team, struct parcel *parcels, size_t round)
{
    size_t size = mate_sizes[round % ARRAY_COUNT(mate_sizes)];
    for (size_t i = 0; i < MATES && !team->is_over; i++) {
        (void)parcel_take(team, mates.subject, &parcels[i], size, round * MATES + i);
    }
}

static void mates_prepare(struct pab_team *team, size_t round)
{
    mates_take(team, mates.old, 2 * round);
    pab_sort(mates.old, MATES, sizeof(*mates.old), by_address);
    for (size_t i = 1; i < MATES; i++) {
        uintptr_t left = (uintptr_t)mates.old[i - 1].block / 4096;
        mates.neighbours += left == (uintptr_t)mates.old[i].block / 4096;
    }
}

/* The new blocks must all be there, none twice, none in those that are not freed yet. */
static void mates_finish(struct pab_team *team, size_t round)
{
    size_t bytes = 0;
    for (size_t i = 0; i < MATES; i++) {
        bytes += mates.fresh[i].size;
        parcel_give(team, mates.subject, &mates.fresh[i],
                    "after it was made from freed neighbours");
    }
    team->run->ops_done += (uint64_t)4 * MATES;
    pab_growth_round(mates.growth, bytes + MATES * mate_sizes[2 * round % ARRAY_COUNT(mate_sizes)]);
}

static void mates_member(struct pab_team *team, size_t index, void *arg)
{
    (void)arg;
    bool goes_on = true;
    for (size_t round = 0; goes_on && round < mates.rounds; round++) {
        if (index == 0) {
            mates_prepare(team, round);
        }
        pthread_barrier_wait(&team->start);
        if (index == 0) {
            mates_take(team, mates.fresh, 2 * round);
        }
        for (size_t i = index - 1; index > 0 && i < MATES; i += 2) {
            parcel_give(team, mates.subject, &mates.old[i], "while its neighbours were freed");
        }
        pthread_barrier_wait(&team->start);
        if (index == 0) {
            mates_finish(team, round);
        }
        pthread_barrier_wait(&team->start);
        goes_on = !team->is_over;
        pthread_barrier_wait(&team->start);
    }
}

static enum pab_verdict mates_run(struct pab_check_run *run)
{
    static struct pab_team team;
    struct pab_subject subject;
    struct pab_growth growth;
    pab_subject_init(&subject, run->heap);
    team.run = run;
    mates.subject = &subject;
    mates.growth = &growth;
    mates.rounds = pab_budget(run, 400000, 0) / ((uint64_t)4 * MATES) + 4;
    size_t mean = 0;
    for (size_t i = 0; i < ARRAY_COUNT(mate_sizes); i++) {
        mean += mate_sizes[i] / ARRAY_COUNT(mate_sizes);
    }
    pab_growth_begin(&growth, run, &subject, (uint64_t)mates.rounds * 2 * MATES * mean);
    bool holds = pab_team_run(&team, 3, mates_member, NULL) && pab_growth_holds(&growth);
    char grown[128];
    pab_growth_describe(&growth, grown, sizeof(grown));
    pab_compared(run, "%zu rounds, %" PRIu64 " pairs within a page freed by two threads; %s",
                 mates.rounds, mates.neighbours, grown);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "THR-02",
        .summary = "a block may be freed by another thread, and its memory is used again",
        .source = "C23 7.24.3.3: free names no thread; snmalloc, mimalloc, jemalloc stress tests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .admit = pab_team_admit,
        .run = exchange_run,
    },
    {
        .id = "THR-06",
        .summary = "blocks may be freed just while the thread that made them ends",
        .source = "C23 7.24.3: lifetimes end with free alone; rpmalloc's and mimalloc's tests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .admit = pab_team_admit,
        .run = race_run,
    },
    {
        .id = "THR-07",
        .summary = "neighbours freed by two threads while their owner allocates are neither lost "
                   "nor given twice",
        .source = "C23 7.24.3p2",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .admit = pab_team_admit,
        .run = mates_run,
    },
};

const struct pab_check_group pab_checks_handing = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
