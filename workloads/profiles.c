/* workloads/profiles.c -- blocks of the sizes and lives of recorded programs, in random order.
 *
 * Sizes, domains, malloc, calloc, realloc and lives are drawn from what eight programs asked for
 * (traces/; the table: support/profile.h). What such a profile keeps: how often each size is asked
 * for in each domain, how long blocks of each size live, and so how many are alive, how many bytes,
 * how often a block is resized, how far. It can be drawn as large as is wished: a trace has the
 * length that it has.
 *
 * What it loses is all that lies in the order: that neighbours in time are of one kind and die
 * together (a parsed document's blocks), that a program has phases, that the block just freed is of
 * the size that is wanted next. Here survivors lie between any others, so that pools and pages
 * empty more rarely than a program's do, and blocks that are used together lie apart.
 *
 * That such models mislead is known. B. Zorn and D. Grunwald, "Evaluating models of memory
 * allocation" (ACM TOMACS 4(1), 1994; a report of 1992), set several, this kind among them, beside
 * the programs they were made from. P. Wilson and others, "Dynamic storage allocation: a survey and
 * critical review" (IWMM 1995), say why: what dies together decides on fragmentation, and random
 * requests do not have it. M. Johnstone and P. Wilson, "The memory fragmentation problem: solved?"
 * (ISMM 1998), found much less of it in real programs than studies of random requests had.
 * `run -w profiles -p profiles.program=2` beside `-w trace:compiler` shows what is lost here.
 *
 * An operation is one malloc, calloc, realloc or free.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/profile.h"
#include "workloads/support/rng.h"
#include "workloads/trace/play.h"
#include "workloads/workload.h"

#include <string.h>

enum { PROGRAM, LIVE, STEPS };

static const struct pab_param profiles_params[] = {
    {"program", "which of the recorded programs, by the alphabet; 0: all, mixed", "number", 0, 0, 0,
     PAB_PROFILE_COUNT},
    {"live", "blocks alive at a time, on average", "blocks", 4000, 400000, 1000, 3000000},
    {"steps", "blocks made in the steady phase", "blocks", 60000, 1000000, 16, 50000000},
    {0},
};

struct profiles {
    struct pab_profile_requests requests;
    struct pab_play play;
};

static void profiles_body(struct pab_run *run)
{
    struct profiles *w = run->state;
    const struct pab_profile_requests *r = &w->requests;
    memcpy(w->play.tables, run->heap->domain, sizeof(w->play.tables));
    w->play.sum = 0;
    pab_run_phase(run, PAB_PHASE_BUILD);
    pab_play(&w->play, r->words, r->words + r->steady_at);
    pab_run_phase(run, PAB_PHASE_STEADY);
    pab_play(&w->play, r->words + r->steady_at, r->words + r->drain_at);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    pab_play(&w->play, r->words + r->drain_at, r->words + r->count);
    pab_run_phase(run, PAB_PHASE_END);
    run->checksum = pab_checksum_add(w->play.sum, r->events);
}

static enum pab_status profiles_setup(struct pab_run *run, struct pab_error *err)
{
    struct profiles *w = pab_inputs_take(run->inputs, sizeof(*w));
    uint64_t program = run->params[PROGRAM];
    struct pab_profile_wish wish = {
        .profiles = program == 0 ? pab_profiles : &pab_profiles[program - 1],
        .profile_count = program == 0 ? PAB_PROFILE_COUNT : 1,
        .live = (uint32_t)run->params[LIVE],
        .steps = (uint32_t)run->params[STEPS],
        .seed = run->seed,
    };
    enum pab_status status = pab_profile_draw(&wish, run->inputs, &w->requests, err);
    if (status != PAB_OK) {
        return status;
    }
    uint32_t places = 1;
    while (places < w->requests.slots) {
        places *= 2;
    }
    w->play.mask = places - 1;
    w->play.blocks = pab_inputs_take(run->inputs, places * sizeof(void *));
    run->state = w;
    run->op_count = w->requests.events;
    return PAB_OK;
}

const struct pab_workload pab_workload_profiles = {
    .name = "profiles",
    .summary = "blocks of the sizes and lives of eight recorded programs, in random order",
    .models =
        "What eight programs of the standard library asked of CPython 3.11.2, as a table: sizes "
        "and lives together, domains, calloc, realloc. Phases, and what neighbours have in "
        "common, are lost: trace:NAME has them.",
    .unit = "one malloc, calloc, realloc or free",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DIRECT,
    .params = profiles_params,
    .setup = profiles_setup,
    .body = profiles_body,
};
