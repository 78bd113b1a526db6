/* tests/conformance/content/lifetime.c -- bytes written stay, whatever other blocks do: a long
 * random life of all domains together.
 *
 * Every byte that the caller may use is filled, and read back before a block is resized or freed,
 * in a sweep over all of them now and then, and after a drain, when few blocks are left in slabs
 * that were full. Growing and shrinking alternate: a steady mix never empties a slab.
 */
#include "tests/conformance/support/blocks.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

#define SLOTS      4096u
#define STEPS      350000u /* for each domain */
#define PHASE      10000u
#define SWEEP      5000u
#define DRAIN      50000u
#define DRAIN_KEPT 16u /* one block of so many survives a drain */
#define SIZE_SMALL 128u
#define SIZE_LARGE 2048u
#define SIZE_HUGE  (256u << 10) /* beyond every allocator's size classes: pages of its own */

struct storm {
    struct pab_check_run *run;
    struct pab_rng rng;
    uint64_t step;
    struct pab_subject domains[PAB_DOMAIN_COUNT];
    struct pab_blocks blocks;
    struct pab_block slots[SLOTS];
};

static struct storm storm;

/* Mostly the small sizes of objects, one in eight larger, few very large. */
static size_t draw_size(void)
{
    uint32_t kind = pab_rng_below(&storm.rng, 1024);
    uint32_t most = kind == 0 ? SIZE_HUGE : kind < 128 ? SIZE_LARGE : SIZE_SMALL;
    return 1 + pab_rng_below(&storm.rng, most);
}

static bool take(struct pab_block *slot)
{
    size_t size = draw_size();
    storm.blocks.subject = &storm.domains[pab_rng_below(&storm.rng, PAB_DOMAIN_COUNT)];
    if (pab_rng_below(&storm.rng, 4) != 0) {
        return pab_block_take(&storm.blocks, slot, size);
    }
    size_t count = 1 + pab_rng_below(&storm.rng, 8);
    return pab_block_take_zeroed(&storm.blocks, slot, count, size / count + 1);
}

static bool step(void)
{
    struct pab_block *slot = &storm.slots[pab_rng_below(&storm.rng, SLOTS)];
    bool grows = storm.step / PHASE % 2 == 0;
    if (slot->at == NULL) {
        return grows || pab_rng_below(&storm.rng, 4) == 0 ? take(slot) : true;
    }
    if (pab_rng_below(&storm.rng, 3) == 0) {
        return pab_block_holds(&storm.blocks, slot, 0, slot->usable, "before realloc") &&
               pab_block_resize(&storm.blocks, slot, draw_size());
    }
    return pab_block_drop(&storm.blocks, slot, "before free");
}

static bool drain(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        bool stays = pab_rng_below(&storm.rng, DRAIN_KEPT) == 0;
        if (storm.slots[i].at != NULL && !stays &&
            !pab_block_drop(&storm.blocks, &storm.slots[i], "before free in a drain")) {
            return false;
        }
    }
    return pab_blocks_hold(&storm.blocks, storm.slots, SLOTS, "after a drain");
}

static bool live(uint64_t steps)
{
    for (storm.step = 0; storm.step < steps; storm.step++) {
        if (!step()) {
            return false;
        }
        if (storm.step % SWEEP == SWEEP - 1) {
            storm.run->progress(storm.step, steps);
            if (!pab_blocks_hold(&storm.blocks, storm.slots, SLOTS, "in a sweep")) {
                return false;
            }
        }
        if (storm.step % DRAIN == DRAIN - 1 && !drain()) {
            return false;
        }
    }
    return pab_blocks_hold(&storm.blocks, storm.slots, SLOTS, "in the last sweep") &&
           pab_blocks_drop(&storm.blocks, storm.slots, SLOTS, "at the end");
}

static enum pab_verdict content_run(struct pab_check_run *run)
{
    memset(&storm, 0, sizeof(storm));
    storm.run = run;
    pab_rng_seed(&storm.rng, run->seed);
    pab_blocks_init(&storm.blocks, run, NULL);
    storm.blocks.table = storm.slots;
    storm.blocks.count = SLOTS;
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        pab_subject_init_domain(&storm.domains[domain], run->heap, (enum pab_domain)domain);
    }
    bool holds = live(pab_budget(run, STEPS, 0) * PAB_DOMAIN_COUNT);
    run->ops_done = storm.blocks.calls;
    pab_compared(run, "%" PRIu64 " calls; all blocks looked at each %u steps, few left each %u",
                 storm.blocks.calls, SWEEP, DRAIN);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PRE-001",
        .summary = "bytes written stay until the block is freed",
        .source = "C23 7.24.3: an object keeps its value throughout its lifetime",
        .flags = PAB_CHECK_PREFLIGHT,
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        .run = content_run,
    },
};

const struct pab_check_group pab_checks_lifetime = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
