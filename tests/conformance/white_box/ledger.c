#include "tests/conformance/white_box/ledger.h"

#include "allocators/pymalloc/borrow.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"

#include <string.h>

#define ARENAS_MAX ((size_t)16384)
#define UNITS_MAX  ((size_t)1 << 28)
#define ARENAS_MIN ((size_t)4)

struct pab_pymalloc *pab_white_box(struct pab_check_run *run, struct pab_alloc *table)
{
    struct pab_heap *heap = run->heap;
    if (strcmp(heap->backend->name, "pymalloc") != 0) {
        pab_skip(run, "it looks into the built-in pymalloc");
        return NULL;
    }
    *table = heap->bare[PAB_DOMAIN_OBJ];
    if (pab_pymalloc_is_borrowed(table)) {
        pab_skip(run, "its arenas are another allocator's, and lie anywhere");
        return NULL;
    }
    return table->ctx;
}

/* --- where an address lies ------------------------------------------------------------------- */

size_t pab_ledger_pool(const struct pab_ledger *ledger, const void *address)
{
    return ((uintptr_t)address - ledger->source.base) >> ledger->pm->pool_shift;
}

size_t pab_ledger_arena(const struct pab_ledger *ledger, const void *address)
{
    return pab_ledger_pool(ledger, address) / ledger->pools_per_arena;
}

size_t pab_ledger_capacity(const struct pab_ledger *ledger, unsigned class)
{
    size_t payload = ledger->pm->geometry.pool_bytes - PAB_POOL_HEADER_BYTES;
    return payload / class_block_bytes(ledger->pm, class);
}

static bool *in_use_of(const struct pab_ledger *ledger, const void *block)
{
    return &ledger->in_use[((uintptr_t)block - ledger->source.base) >> ledger->pm->class_shift];
}

static bool wrong(struct pab_ledger *ledger, const char *what, const void *address)
{
    if (!ledger->is_wrong) {
        size_t pool = pab_ledger_pool(ledger, address);
        pab_wrong(ledger->run, "%s: %p, in arena %zu, pool %zu of it (operation %zu, seed %zu)",
                  what, address, pool / ledger->pools_per_arena, pool % ledger->pools_per_arena,
                  (size_t)ledger->run->ops_done, (size_t)ledger->run->seed);
        ledger->is_wrong = true;
    }
    return false;
}

/* --- arenas ------------------------------------------------------------------------------------ */

static void hold_arena(struct pab_ledger *ledger, const void *arena)
{
    size_t number = pab_ledger_arena(ledger, arena);
    PAB_CHECK(number < ledger->arenas_max);
    if (ledger->arenas[number].is_held) {
        wrong(ledger, "the source gave an arena that is in use", arena);
    }
    ledger->arenas[number] = (struct pab_ledger_arena){.is_held = true};
    memset(&ledger->pool_class[pab_ledger_pool(ledger, arena)], POOL_CLASS_NONE,
           ledger->pools_per_arena);
    ledger->arenas_held++;
    ledger->arenas_empty++;
}

static void *ledger_alloc(void *ctx, size_t size)
{
    struct pab_ledger *ledger = ctx;
    void *arena = ledger->source.alloc(ledger->source.ctx, size);
    if (arena != NULL) {
        hold_arena(ledger, arena);
        ledger->arenas_taken++;
        ledger->took_arena = true;
    }
    return arena;
}

static void ledger_free(void *ctx, void *arena, size_t size)
{
    struct pab_ledger *ledger = ctx;
    struct pab_ledger_arena *books = &ledger->arenas[pab_ledger_arena(ledger, arena)];
    if (!books->is_held || size != ledger->pm->geometry.arena_bytes) {
        wrong(ledger, "an arena was given back that is none", arena);
        return;
    }
    if (books->pools_in_use > 0) {
        wrong(ledger, "an arena was given back with blocks in use", arena);
        return; /* and is not in truth, so that the process lives to tell */
    }
    books->is_held = false;
    ledger->arenas_held--;
    ledger->arenas_empty--;
    ledger->arenas_given++;
    ledger->source.free(ledger->source.ctx, arena, size);
}

/* A byte for each place where a block may begin, touched only where arenas are. */
static size_t books_for(const struct pab_pymalloc *pm)
{
    size_t arenas = UNITS_MAX / (pm->geometry.arena_bytes >> pm->class_shift);
    return arenas > ARENAS_MAX ? ARENAS_MAX : arenas < ARENAS_MIN ? ARENAS_MIN : arenas;
}

bool pab_ledger_open(struct pab_ledger *ledger, struct pab_check_run *run)
{
    memset(ledger, 0, sizeof(*ledger));
    ledger->run = run;
    ledger->pm = pab_white_box(run, &ledger->table);
    if (ledger->pm == NULL) {
        return false;
    }
    struct pab_pymalloc *pm = ledger->pm;
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(pm, &stats);
    if (stats.blocks - stats.raw_blocks != 0) {
        pab_skip(run, "the heap has blocks in use already");
        return false;
    }
    ledger->source = pm->source;
    ledger->pools_per_arena = pm->geometry.arena_bytes >> pm->pool_shift;
    ledger->arenas_max = books_for(pm);
    size_t pools = ledger->arenas_max * ledger->pools_per_arena;
    ledger->arenas = pab_process_pages(ledger->arenas_max * sizeof(*ledger->arenas));
    ledger->pool_live = pab_process_pages(pools * sizeof(*ledger->pool_live));
    ledger->pool_class = pab_process_pages(pools * sizeof(*ledger->pool_class));
    ledger->in_use = pab_process_pages(pools * pm->pool_units * sizeof(*ledger->in_use));
    for (size_t i = 0; i < pm->arena_capacity; i++) {
        if (pm->arenas[i].base != NULL) {
            hold_arena(ledger, pm->arenas[i].base);
        }
    }
    pm->source.ctx = ledger;
    pm->source.alloc = ledger_alloc;
    pm->source.free = ledger_free;
    return true;
}

void pab_ledger_close(struct pab_ledger *ledger)
{
    ledger->pm->source = ledger->source;
}

/* --- blocks ------------------------------------------------------------------------------------ */

/* The pool's `before` blocks of a class became `after`. */
static void count_partly_used(struct pab_ledger *ledger, unsigned class, size_t before,
                              size_t after)
{
    size_t capacity = pab_ledger_capacity(ledger, class);
    ledger->pools_partly_used[class] -= before > 0 && before < capacity;
    ledger->pools_partly_used[class] += after > 0 && after < capacity;
}

static bool begin_pool(struct pab_ledger *ledger, size_t pool, unsigned class, const void *block)
{
    struct pab_ledger_arena *arena = &ledger->arenas[pool / ledger->pools_per_arena];
    if (!arena->is_held) {
        return wrong(ledger, "a block lies in an arena that was given back", block);
    }
    ledger->took_pool = true;
    ledger->pools_reclassed +=
        ledger->pool_class[pool] != class && ledger->pool_class[pool] != POOL_CLASS_NONE;
    ledger->pool_class[pool] = (uint8_t) class;
    ledger->arenas_empty -= arena->pools_in_use == 0;
    arena->pools_in_use++;
    return true;
}

static bool book(struct pab_ledger *ledger, unsigned class, void *block)
{
    struct pab_pymalloc *pm = ledger->pm;
    size_t pool = pab_ledger_pool(ledger, block);
    size_t into = (uintptr_t)block & pm->pool_offset_mask;
    size_t bytes = class_block_bytes(pm, class);
    if ((uintptr_t)block - ledger->source.base >= ledger->source.span ||
        pool >= ledger->arenas_max * ledger->pools_per_arena) {
        return wrong(ledger, "a block lies in no arena", block);
    }
    if (into < PAB_POOL_HEADER_BYTES || (into - PAB_POOL_HEADER_BYTES) % bytes != 0 ||
        into + bytes > pm->geometry.pool_bytes) {
        return wrong(ledger, "a block lies off the grid of its pool", block);
    }
    if (ledger->pool_live[pool] == 0 && !begin_pool(ledger, pool, class, block)) {
        return false;
    }
    if (ledger->pool_class[pool] != class) {
        return wrong(ledger, "a block lies in a pool that serves another size", block);
    }
    if (*in_use_of(ledger, block)) {
        return wrong(ledger, "a block was handed out that is in use", block);
    }
    *in_use_of(ledger, block) = true;
    count_partly_used(ledger, class, ledger->pool_live[pool], ledger->pool_live[pool] + 1u);
    ledger->pool_live[pool]++;
    return true;
}

void *pab_ledger_take(struct pab_ledger *ledger, size_t size)
{
    PAB_CHECK(size - 1 < ledger->pm->threshold);
    ledger->took_pool = false;
    ledger->took_arena = false;
    ledger->run->ops_done++;
    void *block = ledger->table.malloc(ledger->table.ctx, size);
    unsigned class = (unsigned)((size - 1) >> ledger->pm->class_shift);
    if (block == NULL) {
        pab_wrong(ledger->run, "malloc(%zu) gave NULL", size);
        ledger->is_wrong = true;
    }
    return block != NULL && book(ledger, class, block) && !ledger->is_wrong ? block : NULL;
}

/* The books first: an arena that is given back within the call must be empty in them. */
bool pab_ledger_give(struct pab_ledger *ledger, void *block)
{
    size_t pool = pab_ledger_pool(ledger, block);
    size_t live = ledger->pool_live[pool];
    struct pab_ledger_arena *arena = &ledger->arenas[pool / ledger->pools_per_arena];
    PAB_CHECK(live > 0 && *in_use_of(ledger, block));
    *in_use_of(ledger, block) = false;
    count_partly_used(ledger, ledger->pool_class[pool], live, live - 1);
    ledger->pool_live[pool]--;
    if (live == 1) {
        arena->pools_in_use--;
        ledger->arenas_empty += arena->pools_in_use == 0;
    }
    ledger->run->ops_done++;
    ledger->table.free(ledger->table.ctx, block);
    if (ledger->arenas_empty > (ledger->pm->geometry.keep_last_arena ? 1 : 0)) {
        return wrong(ledger, "an arena was kept though its last block is free", block);
    }
    return !ledger->is_wrong;
}
