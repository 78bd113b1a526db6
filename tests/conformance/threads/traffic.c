#include "tests/conformance/threads/traffic.h"

#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define PROGRESS_STEPS 4096u

/* `busy` guards the rest. */
struct slot {
    atomic_bool busy;
    unsigned char *block; /* NULL: none */
    size_t asked, filled; /* filled >= asked: what the allocator said may be used */
    uint64_t key;
    size_t writer; /* index of the thread that wrote it last */
};

static struct {
    struct slot slots[PAB_TRAFFIC_SLOTS];
    atomic_uint_fast64_t versions, steps;
} shared;

struct crew {
    const struct pab_subject *subject;
    const struct pab_traffic *traffic;
    cpu_set_t cpus; /* that the threads may run on, as it was found */
};

/* --- one slot, locked --------------------------------------------------------------------------- */

static bool slot_holds(struct pab_team *team, const struct slot *slot, size_t bytes, size_t reader)
{
    size_t bad = 0;
    if (pab_pattern_holds(slot->block, 0, bytes, slot->key, &bad)) {
        return true;
    }
    return pab_team_wrong(team,
                          "byte %zu of a block of %zu bytes (%zu usable) that thread %zu wrote was "
                          "changed by another block, seen by thread %zu of %zu, seed %" PRIu64,
                          bad, slot->asked, slot->filled, slot->writer, reader, team->count,
                          team->run->seed);
}

static void slot_fill(const struct crew *crew, struct slot *slot, size_t writer)
{
    slot->filled = pab_subject_usable(crew->subject, slot->block, slot->asked);
    slot->filled = slot->filled < slot->asked ? slot->asked : slot->filled;
    slot->key = pab_pattern_key(writer, atomic_fetch_add(&shared.versions, 1));
    slot->writer = writer;
    pab_pattern_fill(slot->block, 0, slot->filled, slot->key);
}

/* Small as objects are; one in sixteen larger, few beyond every size class. */
static size_t draw_size(struct pab_rng *rng)
{
    uint32_t kind = pab_rng_below(rng, 512);
    return 1 + pab_rng_below(rng, kind == 0 ? 200000 : kind < 32 ? 4096 : 400);
}

static bool slot_take(struct pab_team *team, const struct crew *crew, struct slot *slot,
                      struct pab_rng *rng)
{
    bool zeroed = crew->subject->calloc != NULL && pab_rng_below(rng, 4) == 0;
    size_t bad = 0;
    slot->asked = draw_size(rng);
    slot->block = zeroed ? pab_subject_calloc(crew->subject, 1, slot->asked)
                         : pab_subject_malloc(crew->subject, slot->asked);
    if (slot->block == NULL) {
        return pab_team_wrong(team, "NULL for %zu bytes, %zu threads", slot->asked, team->count);
    }
    if (zeroed && !pab_pattern_is_zero(slot->block, 0, slot->asked, &bad)) {
        return pab_team_wrong(team, "byte %zu of a calloc block of %zu bytes is not zero", bad,
                              slot->asked);
    }
    return true;
}

static bool slot_resize(struct pab_team *team, const struct crew *crew, struct slot *slot,
                        struct pab_rng *rng, size_t index)
{
    size_t asked = draw_size(rng);
    size_t kept = asked < slot->asked ? asked : slot->asked;
    unsigned char *moved = pab_subject_realloc(crew->subject, slot->block, asked);
    if (moved == NULL) {
        return pab_team_wrong(team, "realloc from %zu to %zu bytes gave NULL", slot->asked, asked);
    }
    slot->block = moved;
    bool holds = slot_holds(team, slot, kept, index);
    slot->asked = asked;
    return holds;
}

static bool slot_step(struct pab_team *team, const struct crew *crew, struct slot *slot,
                      struct pab_rng *rng, size_t index)
{
    if (slot->block != NULL) {
        uint32_t kind = pab_rng_below(rng, 8);
        if (!slot_holds(team, slot, slot->filled, index)) {
            return false;
        }
        if (kind == 0) {
            slot_fill(crew, slot, index);
            return true;
        }
        if (kind < 3 && crew->subject->realloc != NULL) {
            if (!slot_resize(team, crew, slot, rng, index)) {
                return false;
            }
            slot_fill(crew, slot, index);
            return true;
        }
        pab_subject_free(crew->subject, slot->block);
        slot->block = NULL;
        if (kind < 6) {
            return true;
        }
    }
    if (!slot_take(team, crew, slot, rng)) {
        return false;
    }
    slot_fill(crew, slot, index);
    return true;
}

/* --- one thread --------------------------------------------------------------------------------- */

static void nap(struct pab_rng *rng)
{
    struct timespec moment = {0, (long)pab_rng_below(rng, 20000)};
    if (pab_rng_below(rng, 4) == 0) {
        nanosleep(&moment, NULL);
    } else {
        sched_yield();
    }
}

/* To the next of the CPUs that the process may use. */
static void move(const struct crew *crew, unsigned *cpu)
{
    do {
        *cpu = (*cpu + 1) % CPU_SETSIZE;
    } while (!CPU_ISSET(*cpu, &crew->cpus));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(*cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
}

static bool is_time(uint64_t step, unsigned every)
{
    return every != 0 && step % every == every - 1;
}

static void crew_member(struct pab_team *team, size_t index, void *arg)
{
    const struct crew *crew = arg;
    const struct pab_traffic *traffic = crew->traffic;
    struct pab_rng rng;
    pab_rng_seed(&rng, traffic->seed * PAB_TEAM_MAX + index);
    unsigned cpu = (unsigned)index;
    uint64_t steps = traffic->steps / traffic->threads;
    uint64_t step = 0;
    pthread_barrier_wait(&team->start);
    for (; step < steps && !team->is_over; step++) {
        struct slot *slot = &shared.slots[pab_rng_below(&rng, (uint32_t)traffic->slots)];
        if (!atomic_exchange(&slot->busy, true)) {
            (void)slot_step(team, crew, slot, &rng, index);
            atomic_store(&slot->busy, false);
        }
        if (is_time(step, traffic->nap_every)) {
            nap(&rng);
        }
        if (is_time(step, traffic->move_every)) {
            move(crew, &cpu);
        }
        if (is_time(step, PROGRESS_STEPS) && index == 0 && team->run->progress != NULL) {
            team->run->progress(step * traffic->threads, traffic->steps);
        }
    }
    atomic_fetch_add(&shared.steps, step);
}

/* --- all ---------------------------------------------------------------------------------------- */

static bool drain(struct pab_team *team, const struct crew *crew)
{
    bool holds = true;
    for (size_t i = 0; holds && i < PAB_TRAFFIC_SLOTS; i++) {
        struct slot *slot = &shared.slots[i];
        if (slot->block != NULL) {
            holds = slot_holds(team, slot, slot->filled, team->count);
            pab_subject_free(crew->subject, slot->block);
            slot->block = NULL;
        }
    }
    return holds;
}

bool pab_traffic_run(struct pab_check_run *run, const struct pab_subject *subject,
                     const struct pab_traffic *traffic)
{
    PAB_CHECK(traffic->slots > 0 && traffic->slots <= PAB_TRAFFIC_SLOTS);
    static struct pab_team team;
    struct crew crew = {.subject = subject, .traffic = traffic};
    team.run = run;
    if (sched_getaffinity(0, sizeof(crew.cpus), &crew.cpus) != 0) {
        CPU_ZERO(&crew.cpus);
        CPU_SET(0, &crew.cpus);
    }
    atomic_store(&shared.steps, 0);
    bool holds = pab_team_run(&team, traffic->threads, crew_member, &crew);
    run->ops_done += atomic_load(&shared.steps);
    return holds && (traffic->keeps_blocks || drain(&team, &crew));
}
