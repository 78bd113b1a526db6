/* What must hold of a heap when nothing in it is live: arenas, counts and pages go back. */
#include "tests/conformance/model/interpret.h"

#include "allocators/pymalloc/borrow.h"
#include "tests/conformance/support/process.h"

#include <inttypes.h>
#include <string.h>

#define TRIED_BYTES ((size_t)1 << 20)
#define ARENAS_LEFT 3u
#define LEFT_MOST   ((uint64_t)1 << 20) /* bytes that a cache may keep when nothing is live */
#define RSS_LEAST   ((uint64_t)256 << 20)
#define RSS_TIMES   8u

/* Some count what is in use, some what was ever taken; one block tells. */
static void learn_counter(struct model_world *world, struct pab_heap *heap, unsigned level)
{
    const struct pab_alloc *raw = &heap->domain[PAB_DOMAIN_RAW];
    if (heap->backend->counter == NULL) {
        return;
    }
    if (level == 0) {
        raw = &heap->domain[PAB_DOMAIN_OBJ];
    }
    uint64_t before = heap->backend->counter(heap);
    void *block = raw->malloc(raw->ctx, TRIED_BYTES);
    uint64_t during = heap->backend->counter(heap);
    raw->free(raw->ctx, block);
    world->counters[level] = heap->backend->counter(heap);
    world->counts[level] = during > before && world->counters[level] < during;
}

void pab_model_learn_counters(struct model_world *world)
{
    struct pab_heap *heap = world->subject->heap;
    for (unsigned level = 0; level < MODEL_COUNTERS && heap != NULL; level++, heap = heap->raw) {
        learn_counter(world, heap, level);
    }
}

struct arenas {
    uint64_t count, bytes; /* bytes of all; both 0 of what has none */
};

static void find_arenas(void *arg, const char *name, uint64_t value)
{
    struct arenas *arenas = arg;
    if (strcmp(name, "arenas_now") == 0) {
        arenas->count = value;
    } else if (strcmp(name, "arenas_bytes") == 0) {
        arenas->bytes = value;
    }
}

static struct arenas arenas_of(struct pab_heap *heap)
{
    struct arenas out = {0};
    if (heap->backend->stats != NULL && (heap->backend->caps & PAB_CAP_STACKS) != 0) {
        heap->backend->stats(heap, find_arenas, &out);
    }
    return out;
}

/* Bytes of arenas that the heap keeps: blocks in use to the one below, where that lends them. */
static uint64_t lent_bytes(struct pab_heap *heap)
{
    return pab_pymalloc_is_borrowed(&heap->bare[PAB_DOMAIN_OBJ]) ? arenas_of(heap).bytes : 0;
}

/* What the heap itself counts as in use, blocks or bytes: ours counts exactly, others keep some in
 * caches. */
static bool settle_counter(struct model_world *world, struct pab_heap *heap, unsigned level)
{
    unsigned caps = heap->backend->caps;
    if (!world->counts[level]) {
        return true;
    }
    uint64_t now = heap->backend->counter(heap);
    uint64_t most = LEFT_MOST + (level > 0 ? lent_bytes(world->subject->heap) : 0);
    if ((caps & (PAB_CAP_STACKS | PAB_CAP_RUNTIME)) != 0) {
        most = (caps & PAB_CAP_STACKS) != 0 ? 0 : 1000;
    }
    if ((int64_t)(now - world->counters[level]) > (int64_t)most) {
        return pab_model_broke(world, "FRE-04",
                               "everything was freed, and %s counts %" PRIu64
                               " more in use than at the start",
                               heap->backend->name, now - world->counters[level]);
    }
    return true;
}

static bool settle_rss(struct model_world *world, struct pab_heap *heap)
{
    uint64_t most = RSS_LEAST + RSS_TIMES * world->high_bytes;
    if (pab_process_rss_bytes() <= most) {
        return true;
    }
    if (heap->backend->purge != NULL) {
        heap->backend->purge(heap);
    }
    uint64_t rss = pab_process_rss_bytes();
    return rss <= most ||
           pab_model_broke(world, "FRE-04",
                           "everything was freed, and %" PRIu64
                           " MiB are resident; at most %" PRIu64 " MiB were live at once",
                           rss >> 20, world->high_bytes >> 20);
}

bool pab_model_settle(struct model_world *world)
{
    struct pab_heap *heap = world->subject->heap;
    world->drains++;
    pab_model_close_window(world);
    uint64_t arenas = arenas_of(heap).count;
    if (arenas > ARENAS_LEFT) {
        return pab_model_broke(world, "PYM-18",
                               "everything was freed, and %" PRIu64 " arenas are still in use",
                               arenas);
    }
    for (unsigned level = 0; level < MODEL_COUNTERS && heap != NULL; level++, heap = heap->raw) {
        if (!settle_counter(world, heap, level)) {
            return false;
        }
    }
    return settle_rss(world, world->subject->heap);
}
