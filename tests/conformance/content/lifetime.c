/* tests/conformance/content/lifetime.c -- bytes written stay, whatever other blocks do.
 *
 * Every word of a block holds a value made from (owner, offset), so that two blocks swapped, a
 * shifted copy and an overlap all show. Blocks come and go in random order; each is read whole
 * before it is given up, resized or at the end. The shadow table is the check's own memory.
 */
#include "harness/check.h"
#include "workloads/support/rng.h"

#include <inttypes.h>
#include <string.h>

#define SLOTS      4096
#define STEPS      40000
#define SIZE_SMALL 128
#define SIZE_LARGE 2048
#define SIZE_HUGE  (256u << 10) /* beyond every allocator's size classes: pages of its own */

struct shadow {
    unsigned char *block;
    size_t size;
    uint64_t owner;
};

struct storm {
    const struct pab_alloc *alloc;
    struct pab_check_run *run;
    struct pab_rng rng;
    uint64_t owners;
    struct shadow slots[SLOTS];
};

static unsigned char expected_byte(uint64_t owner, size_t offset)
{
    uint64_t mixed = (owner + offset / 8) * 0x9e3779b97f4a7c15u;
    return (unsigned char)(mixed >> (8 * (offset % 8)));
}

static void fill(const struct shadow *slot, size_t from)
{
    for (size_t i = from; i < slot->size; i++) {
        slot->block[i] = expected_byte(slot->owner, i);
    }
}

static bool holds(struct storm *storm, const struct shadow *slot, size_t bytes, const char *when)
{
    for (size_t i = 0; i < bytes; i++) {
        if (slot->block[i] != expected_byte(slot->owner, i)) {
            snprintf(storm->run->reason, sizeof(storm->run->reason),
                     "byte %zu of a block of %zu bytes was changed by another block (seen %s, "
                     "seed %" PRIu64 ")",
                     i, slot->size, when, storm->run->seed);
            return false;
        }
    }
    return true;
}

static bool gave_null(struct storm *storm, size_t size)
{
    snprintf(storm->run->reason, sizeof(storm->run->reason), "it gave NULL for %zu bytes", size);
    return false;
}

/* Mostly the small sizes of objects, one in eight larger, few very large. */
static size_t draw_size(struct storm *storm)
{
    uint32_t kind = pab_rng_below(&storm->rng, 512);
    uint32_t most = kind == 0 ? SIZE_HUGE : kind < 64 ? SIZE_LARGE : SIZE_SMALL;
    return 1 + pab_rng_below(&storm->rng, most);
}

static bool take(struct storm *storm, struct shadow *slot)
{
    bool zeroed = pab_rng_below(&storm->rng, 4) == 0;
    slot->size = draw_size(storm);
    slot->owner = ++storm->owners << 20;
    if (zeroed) {
        size_t count = 1 + pab_rng_below(&storm->rng, 8);
        size_t each = slot->size / count + 1;
        slot->size = count * each;
        slot->block = storm->alloc->calloc(storm->alloc->ctx, count, each);
    } else {
        slot->block = storm->alloc->malloc(storm->alloc->ctx, slot->size);
    }
    if (slot->block == NULL) {
        return gave_null(storm, slot->size);
    }
    for (size_t i = 0; zeroed && i < slot->size; i++) {
        if (slot->block[i] != 0) {
            snprintf(storm->run->reason, sizeof(storm->run->reason),
                     "byte %zu of a calloc block of %zu bytes is not zero", i, slot->size);
            return false;
        }
    }
    fill(slot, 0);
    return true;
}

static bool resize(struct storm *storm, struct shadow *slot)
{
    size_t size = draw_size(storm);
    size_t kept = size < slot->size ? size : slot->size;
    unsigned char *moved = storm->alloc->realloc(storm->alloc->ctx, slot->block, size);
    if (moved == NULL) {
        return gave_null(storm, size);
    }
    slot->block = moved;
    slot->size = size;
    if (!holds(storm, slot, kept, "after realloc")) {
        return false;
    }
    fill(slot, kept);
    return true;
}

static bool step(struct storm *storm)
{
    struct shadow *slot = &storm->slots[pab_rng_below(&storm->rng, SLOTS)];
    if (slot->block == NULL) {
        return take(storm, slot);
    }
    if (!holds(storm, slot, slot->size, "before it was given up")) {
        return false;
    }
    if (pab_rng_below(&storm->rng, 3) == 0) {
        return resize(storm, slot);
    }
    storm->alloc->free(storm->alloc->ctx, slot->block);
    slot->block = NULL;
    return true;
}

static bool sweep(struct storm *storm)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct shadow *slot = &storm->slots[i];
        if (slot->block != NULL) {
            if (!holds(storm, slot, slot->size, "at the end")) {
                return false;
            }
            storm->alloc->free(storm->alloc->ctx, slot->block);
            slot->block = NULL;
        }
    }
    return true;
}

static enum pab_verdict content_run(struct pab_check_run *run)
{
    static struct storm storm;
    memset(&storm, 0, sizeof(storm));
    storm.run = run;
    pab_rng_seed(&storm.rng, run->seed);
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        storm.alloc = &run->heap->domain[domain];
        uint64_t steps = run->ops != 0 ? run->ops : STEPS;
        while (steps-- > 0) {
            if (!step(&storm)) {
                return PAB_FAIL;
            }
        }
        if (!sweep(&storm)) {
            return PAB_FAIL;
        }
    }
    return PAB_PASS;
}

static const struct pab_check checks[] = {
    {
        .id = "PRE-001",
        .summary = "bytes written stay until the block is freed",
        .source = "C23 7.24.3: an object keeps its value throughout its lifetime",
        .flags = PAB_CHECK_PREFLIGHT,
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = content_run,
    },
};

const struct pab_check_group pab_checks_lifetime = {PAB_CHECK_CONTRACT, checks,
                                                    ARRAY_COUNT(checks)};
