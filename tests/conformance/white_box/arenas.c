/* tests/conformance/white_box/arenas.c -- when the built-in pymalloc takes and gives back arenas, and
 * which it takes a pool from. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"
#include "tests/conformance/white_box/ledger.h"
#include "workloads/support/rng.h"

#include <string.h>

#define BLOCKS      ((size_t)24000) /* of 256 bytes on average: six arenas of a MiB */
#define LIVES       50
#define LIFE_BLOCKS 8000
#define LIVES_WARM  3 /* after so many lives the process has what it keeps for itself */

static struct {
    struct pab_ledger ledger;
    struct pab_rng rng;
    size_t count;
    void *blocks[BLOCKS];
} scene;

enum order { ORDER_LIFO, ORDER_FIFO, ORDER_RANDOM, ORDER_EVERY_OTHER, ORDER_COUNT };

static bool open_scene(struct pab_check_run *run)
{
    memset(&scene, 0, sizeof(scene));
    pab_rng_seed(&scene.rng, run->seed);
    return pab_ledger_open(&scene.ledger, run);
}

static size_t draw_size(void)
{
    return 1 + pab_rng_below(&scene.rng, (uint32_t)scene.ledger.pm->threshold);
}

/* The arena of a pool just begun had more pools in use than any other with one to spare, or was
 * new because none had. */
static bool is_fullest(const void *block)
{
    const struct pab_ledger *ledger = &scene.ledger;
    size_t own = pab_ledger_arena(ledger, block);
    uint32_t had = ledger->arenas[own].pools_in_use - 1;
    for (size_t i = 0; i < ledger->arenas_max; i++) {
        uint32_t in_use = ledger->arenas[i].pools_in_use;
        if (i != own && ledger->arenas[i].is_held && in_use < ledger->pools_per_arena &&
            (ledger->took_arena || in_use > had)) {
            return pab_wrong(ledger->run,
                             "a pool was taken from arena %zu with %u pools in use%s, though arena "
                             "%zu has %u of %zu (operation %zu, seed %zu)",
                             own, had, ledger->took_arena ? ", a new one" : "", i, in_use,
                             ledger->pools_per_arena, (size_t)ledger->run->ops_done,
                             (size_t)ledger->run->seed);
        }
    }
    return true;
}

static bool fill(size_t count)
{
    while (scene.count < count) {
        void *block = pab_ledger_take(&scene.ledger, draw_size());
        if (block == NULL) {
            return false;
        }
        scene.blocks[scene.count++] = block;
    }
    return true;
}

static void swap(size_t i, size_t j)
{
    void *block = scene.blocks[i];
    scene.blocks[i] = scene.blocks[j];
    scene.blocks[j] = block;
}

/* Brings the blocks into the order in which they go, the last first. */
static void arrange(enum order order)
{
    for (size_t i = 0; order == ORDER_FIFO && i < scene.count / 2; i++) {
        swap(i, scene.count - 1 - i);
    }
    for (size_t i = scene.count; order == ORDER_RANDOM && i > 1; i--) {
        swap(i - 1, pab_rng_below(&scene.rng, (uint32_t)i));
    }
    for (size_t i = 0; order == ORDER_EVERY_OTHER && i < scene.count / 2; i += 2) {
        swap(i, scene.count - 1 - i);
    }
}

static bool drain(void)
{
    while (scene.count > 0) {
        if (!pab_ledger_give(&scene.ledger, scene.blocks[--scene.count])) {
            return false;
        }
    }
    return true;
}

static enum pab_verdict too_large(struct pab_check_run *run)
{
    return pab_skip(run, "one arena of %zu bytes holds all blocks of this check",
                    scene.ledger.pm->geometry.arena_bytes);
}

static enum pab_verdict arena_release_run(struct pab_check_run *run)
{
    if (!open_scene(run)) {
        return PAB_SKIP;
    }
    uint64_t rounds = pab_budget(run, 2 * BLOCKS * ORDER_COUNT, 0) / (2 * BLOCKS) + 1;
    bool holds = true;
    for (uint64_t i = 0; holds && i < rounds; i++) {
        holds = fill(BLOCKS);
        arrange((enum order)(i % ORDER_COUNT));
        holds = holds && drain();
    }
    pab_compared(run,
                 "%zu blocks filled and freed in %zu rounds, last in first out, first in first "
                 "out, at random, every other: %zu arenas taken, %zu given back, %zu kept",
                 BLOCKS, (size_t)rounds, scene.ledger.arenas_taken, scene.ledger.arenas_given,
                 scene.ledger.arenas_held);
    pab_ledger_close(&scene.ledger);
    return holds && scene.ledger.arenas_given == 0 ? too_large(run) : pab_judge(run, holds);
}

/* A pool's worth of blocks of the largest class: with all its other pools full, they fill one. */
static bool take_pool(size_t capacity)
{
    for (size_t i = 0; i < capacity; i++) {
        void *block = pab_ledger_take(&scene.ledger, scene.ledger.pm->threshold);
        if (block == NULL || (scene.ledger.took_pool && !is_fullest(block))) {
            return false;
        }
        scene.blocks[scene.count++] = block;
    }
    return true;
}

/* Any pool's blocks; the last one's move to their place. */
static bool give_pool(size_t capacity)
{
    size_t pool = pab_rng_below(&scene.rng, (uint32_t)(scene.count / capacity));
    for (size_t i = pool * capacity; i < (pool + 1) * capacity; i++) {
        void *block = scene.blocks[i];
        scene.blocks[i] = scene.blocks[scene.count - (pool + 1) * capacity + i];
        if (!pab_ledger_give(&scene.ledger, block)) {
            return false;
        }
    }
    scene.count -= capacity;
    return true;
}

/* Ebb and flow of whole pools at random, so that arenas differ in how full they are. */
static enum pab_verdict fullest_arena_run(struct pab_check_run *run)
{
    if (!open_scene(run)) {
        return PAB_SKIP;
    }
    static const size_t percent[] = {100, 70, 90, 40, 60, 20, 50, 10, 30, 0};
    size_t capacity =
        pab_ledger_capacity(&scene.ledger, (unsigned)class_count(scene.ledger.pm) - 1);
    size_t pools = BLOCKS / capacity;
    size_t held[ARRAY_COUNT(percent)] = {0};
    bool holds = true;
    for (size_t i = 0; holds && i < ARRAY_COUNT(percent); i++) {
        size_t goal = pools * percent[i] / 100;
        while (holds && scene.count / capacity != goal) {
            holds = scene.count / capacity < goal ? take_pool(capacity) : give_pool(capacity);
        }
        held[i] = scene.ledger.arenas_held;
    }
    pab_compared(run,
                 "%zu pools come and go at random; arenas held: %zu at 100 %%, %zu at 70, %zu at "
                 "90, %zu at 40, %zu at 60, %zu at 20, %zu at 50, %zu at 10, %zu at 30, %zu at 0",
                 pools, held[0], held[1], held[2], held[3], held[4], held[5], held[6], held[7],
                 held[8], held[9]);
    pab_ledger_close(&scene.ledger);
    if (holds && held[0] < 2) {
        return too_large(run);
    }
    return pab_judge(run, holds);
}

/* --- a second life --------------------------------------------------------------------------- */

/* One block in three is still in use when the heap ends: pools go back all the same. Blocks of the
 * raw domain are its own, so those are freed: what is large, or would be with debug hooks. */
static bool live_once(struct pab_check_run *run, struct pab_heap *heap, size_t life)
{
    struct pab_error err;
    if (pab_heap_open(heap, run->spec, &err) != PAB_OK) {
        return pab_wrong(run, "life %zu could not begin: %s", life, err.text);
    }
    const struct pab_alloc *obj = &heap->domain[PAB_DOMAIN_OBJ];
    bool holds = true;
    for (size_t i = 0; i < LIFE_BLOCKS; i++) {
        size_t size = i % 100 == 0 ? 5000 : draw_size();
        unsigned char *block = obj->malloc(obj->ctx, size);
        if (block == NULL) {
            holds = pab_wrong(run, "life %zu: malloc(%zu) gave NULL", life, size);
            break;
        }
        memset(block, (int)life, size);
        if (2 * size > scene.ledger.pm->threshold || i % 3 != 0) {
            obj->free(obj->ctx, block);
        }
        run->ops_done++;
    }
    pab_heap_close(heap);
    return holds;
}

static enum pab_verdict second_life_run(struct pab_check_run *run)
{
    if (!open_scene(run)) {
        return PAB_SKIP;
    }
    pab_ledger_close(&scene.ledger);
    static struct pab_heap heap;
    size_t mappings = 0;
    size_t rss_bytes = 0;
    bool holds = true;
    for (size_t life = 0; holds && life < LIVES; life++) {
        if (life == LIVES_WARM) {
            mappings = pab_process_mappings();
            rss_bytes = pab_process_rss_bytes();
        }
        holds = live_once(run, &heap, life);
    }
    size_t mappings_after = pab_process_mappings();
    size_t rss_after = pab_process_rss_bytes();
    size_t grown = rss_after > rss_bytes ? rss_after - rss_bytes : 0;
    size_t bound = pab_process_rss_slack() > 1u << 20 ? pab_process_rss_slack() : 1u << 20;
    if (holds && mappings_after > mappings) {
        holds = pab_wrong(run, "%zu mappings after %d lives, %zu after %d", mappings_after, LIVES,
                          mappings, LIVES_WARM);
    }
    if (holds && grown > bound) {
        holds = pab_wrong(run, "resident memory grew by %zu bytes over %d lives", grown,
                          LIVES - LIVES_WARM);
    }
    pab_compared(run,
                 "%d lives of %d blocks, a third in use at the end: mappings %zu -> %zu, resident "
                 "memory + %zu KiB (bound %zu KiB)",
                 LIVES, LIFE_BLOCKS, mappings, mappings_after, grown >> 10, bound >> 10);
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-18",
        .summary = "an arena is given back exactly when its last block is freed, never before",
        .source = "CPython Objects/obmalloc.c, insert_to_freepool()",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = arena_release_run,
    },
    {
        .id = "PYM-19",
        .summary = "pools are taken from the fullest arena, so that nearly empty ones drain",
        .source = "CPython bpo-37029; Objects/obmalloc.c, allocate_from_new_pool()",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = fullest_arena_run,
    },
    {
        .id = "PYM-23",
        .summary = "the end of a heap gives back every arena, and the next life works",
        .source = "CPython gh-113055",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = second_life_run,
    },
};

const struct pab_check_group pab_checks_arenas = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
