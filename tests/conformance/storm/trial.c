/* One process: every call is made on CPython's side first, then on ours, and their answers are
 * held to each other. The first difference ends the process.
 *
 * What goes to the raw domain gets one scratch block: which memory that is shows nothing about
 * pymalloc. That both sides go there does, and that they ask there for the same. */
#include "tests/conformance/storm/internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FIRST_BLOCK    ((uintptr_t)PAB_POOL_HEADER_BYTES)
#define PAGE_MASK      ((uintptr_t)4095)
#define AHEAD          ((size_t)16) /* calls whose blocks are fetched into the cache meanwhile */
#define SAMPLE_EVERY   64u          /* slots of which one holds a pattern */
#define COUNT_EVERY    ((uint64_t)1 << 19)
#define PROGRESS_EVERY ((uint64_t)1 << 22)

struct storm {
    const struct storm_trial *trial;
    struct storm_outcome *outcome;
    struct pab_oracle_table python[PAB_ORACLE_DOMAINS];
    struct pab_alloc ours;
    uintptr_t their_base;
    size_t span;
    uintptr_t distance; /* from a block of theirs to the same one of ours */
    bool paged;         /* CPython took its arenas itself: see storm_pages */
    bool zeroes;        /* it has a calloc */
    bool raw_shows;     /* its raw domain is ours to see */
    struct storm_raw their_raw, our_raw;
    uint64_t op, compared, pooled, started;
    struct storm_region their_region, our_region;
    struct pab_pymalloc *pm;
    size_t their_pool_bytes;
    int64_t count_distance; /* blocks that an interpreter took before our hooks were in */
    uint64_t counts_compared;
    void *blocks[STORM_SLOTS];   /* theirs */
    uint16_t sizes[STORM_SLOTS]; /* of sampled ones */
    struct storm_pages pages;
    uintptr_t arena_at[STORM_PAGES_SLOTS / 64]; /* theirs, by place of ours */
};

static struct storm storm;

/* --- the ends ------------------------------------------------------------------------------- */

static void fill_result(void)
{
    struct pab_storm_result *out = &storm.outcome->result;
    out->ops = storm.op;
    out->compared = storm.compared;
    out->pooled = storm.pooled;
    out->started = storm.started;
    out->counts_compared = storm.counts_compared;
    out->arenas_taken = storm.our_region.taken;
    out->arenas_released = storm.our_region.released;
    out->arenas_refused = storm.our_region.refused;
}

__attribute__((format(printf, 1, 2))) static _Noreturn void differ(const char *format, ...)
{
    struct pab_storm_result *out = &storm.outcome->result;
    va_list args;
    fill_result();
    size_t used = (size_t)snprintf(out->text, sizeof(out->text), "seed %" PRIu64 ", ",
                                   storm.trial->plan->seed);
    va_start(args, format);
    vsnprintf(out->text + used, sizeof(out->text) - used, format, args);
    va_end(args);
    storm.outcome->differs = true;
    _exit(0);
}

static _Noreturn void break_off(const char *why)
{
    snprintf(storm.outcome->result.text, sizeof(storm.outcome->result.text), "%s", why);
    storm.outcome->broke = true;
    _exit(0);
}

/* "operation 17" or "call 17 of the interpreter's start". */
static const char *moment(void)
{
    static char text[64];
    snprintf(text, sizeof(text), storm.op > 0 ? "operation %" PRIu64 : "call %" PRIu64 " at start",
             storm.op > 0 ? storm.op : storm.started);
    return text;
}

static _Noreturn void differ_address(enum storm_call call, size_t size, const void *theirs,
                                     const void *ours)
{
    char their_place[96];
    char our_place[96];
    if (storm.paged && ours != pab_storm_raw_block) {
        snprintf(their_place, sizeof(their_place), "%s, offset %zu of a page",
                 pab_storm_pages_offset(&storm.pages, theirs) == SIZE_MAX ? "outside known arenas"
                                                                          : "elsewhere in an arena",
                 (size_t)((uintptr_t)theirs & PAGE_MASK));
    } else {
        pab_storm_region_where(&storm.their_region, theirs, storm.their_pool_bytes, their_place,
                               sizeof(their_place));
    }
    pab_storm_region_where(&storm.our_region, ours, storm.trial->plan->geometry.pool_bytes,
                           our_place, sizeof(our_place));
    differ("%s, %s to %zu bytes: CPython gave %s; ours %s", moment(), pab_storm_call_name(call),
           size, their_place, our_place);
}

static _Noreturn void differ_arenas(void)
{
    const struct storm_region *theirs = &storm.their_region;
    const struct storm_region *ours = &storm.our_region;
    differ("%s: arenas differ: CPython has taken %" PRIu64 " (and %" PRIu64 " refused) and "
           "released %" PRIu64 ", ours has taken %" PRIu64 " (and %" PRIu64
           ") and released %" PRIu64,
           moment(), theirs->taken, theirs->refused, theirs->released, ours->taken, ours->refused,
           ours->released);
}

/* --- block for block ------------------------------------------------------------------------ */

/* Where ours must have what CPython has at `theirs`. */
static inline void *mirror_of(const void *theirs)
{
    uintptr_t offset = (uintptr_t)theirs - storm.their_base;
    if (__builtin_expect(offset < storm.span, true)) {
        return (void *)((uintptr_t)theirs + storm.distance);
    }
    if (storm.paged) {
        size_t paged_offset = pab_storm_pages_offset(&storm.pages, theirs);
        if (paged_offset != SIZE_MAX) {
            return storm.our_region.base + paged_offset;
        }
    }
    return theirs == NULL ? NULL : pab_storm_raw_block;
}

/* CPython's block for a new one of ours: from now on its pages mirror the arena's. */
static void *paged_alloc(void *ctx, size_t size)
{
    uintptr_t arena = (uintptr_t)storm.pages.pending - FIRST_BLOCK;
    if (storm.pages.pending == NULL || (arena & PAGE_MASK) != 0 ||
        pab_storm_pages_offset(&storm.pages, (void *)arena) != SIZE_MAX) {
        differ("%s: ours takes an arena, CPython's block is no first one of an arena", moment());
    }
    unsigned char *mirror = pab_storm_region_alloc(ctx, size);
    if (mirror != NULL) {
        uint32_t place = (uint32_t)((size_t)(mirror - storm.our_region.base) / size);
        PAB_CHECK(place < ARRAY_COUNT(storm.arena_at));
        storm.arena_at[place] = arena;
        pab_storm_pages_add(&storm.pages, arena, place, size);
    }
    return mirror;
}

static void paged_free(void *ctx, void *arena, size_t size)
{
    size_t place = (size_t)((unsigned char *)arena - storm.our_region.base) / size;
    pab_storm_pages_drop(&storm.pages, storm.arena_at[place], size);
    pab_storm_region_free(ctx, arena, size);
}

static inline void settle(enum storm_call call, size_t size, void *theirs, void *ours)
{
    void *expected = mirror_of(theirs);
    storm.compared++;
    storm.pooled += expected != pab_storm_raw_block;
    if (__builtin_expect(ours != expected, false)) {
        differ_address(call, size, theirs, ours);
    }
}

/* Also what was asked of arenas and of the raw domain meanwhile: at once, so that a difference has
 * its operation. */
static inline void settle_below(void)
{
    if (__builtin_expect(storm.their_region.history != storm.our_region.history, false) &&
        !storm.paged) {
        differ_arenas();
    }
    if (__builtin_expect(storm.their_raw.history != storm.our_raw.history, false) &&
        storm.raw_shows) {
        differ("%s: the two ask the raw domain for different things", moment());
    }
}

static inline void *both_malloc(enum pab_oracle_domain domain, size_t size)
{
    const struct pab_oracle_table *python = &storm.python[domain];
    void *theirs = python->malloc(python->ctx, size);
    storm.pages.pending = theirs;
    settle(STORM_MALLOC, size, theirs, storm.ours.malloc(storm.ours.ctx, size));
    return theirs;
}

static inline void *both_calloc(enum pab_oracle_domain domain, size_t count, size_t size)
{
    const struct pab_oracle_table *python = &storm.python[domain];
    void *theirs = python->calloc(python->ctx, count, size);
    settle(STORM_CALLOC, count * size, theirs, storm.ours.calloc(storm.ours.ctx, count, size));
    return theirs;
}

static inline void *both_realloc(enum pab_oracle_domain domain, void *ptr, size_t size)
{
    const struct pab_oracle_table *python = &storm.python[domain];
    void *mirror = mirror_of(ptr); /* before theirs is gone */
    void *theirs = python->realloc(python->ctx, ptr, size);
    storm.pages.pending = theirs;
    settle(STORM_REALLOC, size, theirs, storm.ours.realloc(storm.ours.ctx, mirror, size));
    return theirs;
}

static inline void both_free(enum pab_oracle_domain domain, void *ptr)
{
    const struct pab_oracle_table *python = &storm.python[domain];
    void *mirror = mirror_of(ptr);
    python->free(python->ctx, ptr);
    storm.ours.free(storm.ours.ctx, mirror);
}

/* --- while an interpreter starts ------------------------------------------------------------ */

static enum pab_oracle_domain domain_of(const void *ctx)
{
    return ctx == &storm.python[PAB_ORACLE_MEM] ? PAB_ORACLE_MEM : PAB_ORACLE_OBJ;
}

static void *hook_malloc(void *ctx, size_t size)
{
    storm.outcome->result.started = ++storm.started; /* should the process die in it */
    void *block = both_malloc(domain_of(ctx), size);
    settle_below();
    return block;
}

static void *hook_calloc(void *ctx, size_t count, size_t size)
{
    storm.outcome->result.started = ++storm.started;
    void *block = both_calloc(domain_of(ctx), count, size);
    settle_below();
    return block;
}

static void *hook_realloc(void *ctx, void *ptr, size_t size)
{
    storm.outcome->result.started = ++storm.started;
    void *block = both_realloc(domain_of(ctx), ptr, size);
    settle_below();
    return block;
}

static void hook_free(void *ctx, void *ptr)
{
    storm.outcome->result.started = ++storm.started;
    both_free(domain_of(ctx), ptr);
    settle_below();
}

/* --- contents: of ours, in one slot of so many ----------------------------------------------- */

static unsigned char pattern(uint32_t slot, size_t offset)
{
    return (unsigned char)((size_t)(slot / SAMPLE_EVERY) * 37 + offset * 7 + 1);
}

static void fill_sample(uint32_t slot, size_t size)
{
    unsigned char *ours = mirror_of(storm.blocks[slot]);
    storm.sizes[slot] = (uint16_t)size;
    if (ours != pab_storm_raw_block) {
        for (size_t i = 0; i < size; i++) {
            ours[i] = pattern(slot, i);
        }
    }
}

static void expect_sample(uint32_t slot, size_t size)
{
    const unsigned char *ours = mirror_of(storm.blocks[slot]);
    if (ours == pab_storm_raw_block) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (ours[i] != pattern(slot, i)) {
            differ("%s: byte %zu of a block of %zu bytes of ours was changed", moment(), i, size);
        }
    }
}

static void expect_zeroes(const void *block, size_t size)
{
    const unsigned char *ours = mirror_of(block);
    for (size_t i = 0; ours != pab_storm_raw_block && i < size; i++) {
        if (ours[i] != 0) {
            differ("%s: byte %zu of a calloc block of %zu bytes of ours is not zero", moment(), i,
                   size);
        }
    }
}

static inline bool is_sample(uint32_t slot)
{
    return slot % SAMPLE_EVERY == 0;
}

/* --- one operation -------------------------------------------------------------------------- */

static inline void do_take(const struct storm_op *op, enum pab_oracle_domain domain)
{
    void *block = NULL;
    if (op->call == STORM_CALLOC && storm.zeroes) {
        bool one = (op->slot & 2) != 0;
        block = both_calloc(domain, one ? 1 : op->size, one ? op->size : 1);
        if (is_sample(op->slot)) {
            expect_zeroes(block, op->size);
        }
    } else {
        block = both_malloc(domain, op->size);
    }
    storm.blocks[op->slot] = block;
    if (is_sample(op->slot)) {
        fill_sample(op->slot, op->size);
    }
}

static inline void do_op(const struct storm_op *op)
{
    enum pab_oracle_domain domain = (enum pab_oracle_domain)(op->slot & 1);
    void **block = &storm.blocks[op->slot];
    bool sampled = is_sample(op->slot);
    switch ((enum storm_call)op->call) {
    case STORM_MALLOC:
    case STORM_CALLOC:
        if (*block == NULL) {
            do_take(op, domain);
        }
        break;
    case STORM_REALLOC:
        if (sampled && *block != NULL) {
            expect_sample(op->slot, storm.sizes[op->slot]);
        }
        *block = both_realloc(domain, *block, op->size);
        if (sampled) {
            size_t kept = storm.sizes[op->slot] < op->size ? storm.sizes[op->slot] : op->size;
            expect_sample(op->slot, kept);
            fill_sample(op->slot, op->size);
        }
        break;
    case STORM_FREE:
        if (*block != NULL) {
            if (sampled) {
                expect_sample(op->slot, storm.sizes[op->slot]);
                storm.sizes[op->slot] = 0;
            }
            both_free(domain, *block);
            *block = NULL;
        }
        break;
    }
    settle_below();
}

static inline void fetch(const struct storm_op *op)
{
    uintptr_t theirs = (uintptr_t)storm.blocks[op->slot];
    __builtin_prefetch((void *)theirs);
    __builtin_prefetch((void *)(theirs & ~(uintptr_t)(storm.their_pool_bytes - 1)));
    __builtin_prefetch((void *)(theirs + storm.distance));
}

static void compare_counts(void)
{
    int64_t theirs = 0;
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(storm.pm, &stats); /* first: asking an interpreter takes a block */
    if (!pab_oracle_count_blocks(storm.trial->oracle, &theirs)) {
        return;
    }
    storm.counts_compared++;
    if (theirs - storm.count_distance != (int64_t)stats.blocks) {
        differ("%s: live blocks differ: CPython counts %" PRId64 ", ours %" PRIu64, moment(),
               theirs - storm.count_distance, stats.blocks);
    }
}

static void do_batch(const struct storm_op *ops, size_t count)
{
    uint64_t before = storm.op;
    for (size_t i = 0; i < count; i++) {
        if (i + 2 * AHEAD < count) {
            __builtin_prefetch(&storm.blocks[ops[i + 2 * AHEAD].slot]);
        }
        if (i + AHEAD < count) {
            fetch(&ops[i + AHEAD]);
        }
        storm.outcome->result.ops = ++storm.op; /* should the process die in it */
        do_op(&ops[i]);
    }
    if (before / COUNT_EVERY != storm.op / COUNT_EVERY) {
        compare_counts();
    }
    const struct pab_storm_progress *progress = storm.trial->progress;
    if (progress != NULL && before / PROGRESS_EVERY != storm.op / PROGRESS_EVERY) {
        progress->say(progress->arg, storm.op, storm.trial->plan->ops);
    }
}

static void do_storm(void)
{
    static struct storm_generator generator;
    const struct pab_storm_plan *plan = storm.trial->plan;
    pab_storm_generator_init(&generator, plan->mix, plan->seed);
    while (storm.op < plan->ops) {
        uint64_t left = plan->ops - storm.op;
        pab_storm_generate(&generator);
        do_batch(generator.ops, left < STORM_BATCH ? (size_t)left : STORM_BATCH);
    }
}

/* --- life ----------------------------------------------------------------------------------- */

static enum pab_status open_ours(struct pab_error *err)
{
    struct storm_region *region = &storm.our_region;
    struct pab_arena_source source = {
        .ctx = region,
        .alloc = storm.paged ? paged_alloc : pab_storm_region_alloc,
        .free = storm.paged ? paged_free : pab_storm_region_free,
        .base = (uintptr_t)region->base,
        .span = region->span,
    };
    struct pab_alloc raw = {
        .ctx = &storm.our_raw,
        .malloc = pab_storm_raw_malloc,
        .calloc = pab_storm_raw_calloc,
        .realloc = pab_storm_raw_realloc,
        .free = pab_storm_raw_free,
    };
    enum pab_status status =
        pab_pymalloc_create(&storm.pm, &storm.trial->plan->geometry, &raw, &source, err);
    if (status == PAB_OK) {
        storm.ours = pab_pymalloc_table(storm.pm);
    }
    return status;
}

static void open_regions(const struct pab_pymalloc_geometry *theirs)
{
    const struct pab_storm_plan *plan = storm.trial->plan;
    if (!pab_storm_region_open(&storm.our_region, plan->geometry.arena_bytes, plan->arenas,
                               plan->seed) ||
        !pab_storm_region_open(&storm.their_region, theirs->arena_bytes, plan->arenas,
                               plan->seed)) {
        break_off("the system grants no address space for arenas");
    }
    storm.their_pool_bytes = theirs->pool_bytes;
    storm.their_base = (uintptr_t)storm.their_region.base;
    storm.span = storm.paged ? 0 : storm.their_region.span;
    storm.distance = (uintptr_t)storm.our_region.base - storm.their_base;
}

static void start(void)
{
    const struct pab_oracle *oracle = storm.trial->oracle;
    struct pab_pymalloc_geometry theirs = pab_oracle_geometry(oracle);
    storm.paged = !oracle->has_arenas;
    open_regions(&theirs);
    struct pab_error err;
    if (open_ours(&err) != PAB_OK) {
        break_off(err.text);
    }
    struct pab_oracle_hooks hooks = {
        .arenas = {&storm.their_region, pab_storm_region_alloc, pab_storm_region_free},
        .raw = {&storm.their_raw, pab_storm_raw_table_malloc, pab_storm_raw_table_calloc,
                pab_storm_raw_realloc, pab_storm_raw_free},
    };
    for (int domain = 0; domain < PAB_ORACLE_DOMAINS; domain++) {
        hooks.domain[domain] = (struct pab_oracle_table){&storm.python[domain], hook_malloc,
                                                         hook_calloc, hook_realloc, hook_free};
    }
    if (pab_oracle_start(oracle, &hooks, storm.python, &err) != PAB_OK) {
        break_off(err.text);
    }
    storm.raw_shows = oracle->has_arenas && !oracle->interpreted;
    storm.zeroes = storm.python[PAB_ORACLE_OBJ].calloc != NULL;
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(storm.pm, &stats);
    int64_t counted = 0;
    if (pab_oracle_count_blocks(oracle, &counted)) {
        storm.count_distance = counted - (int64_t)stats.blocks;
    }
    if (storm.count_distance != 0 && !oracle->interpreted) {
        differ("before the first call CPython counts %" PRId64 " live blocks, ours %" PRIu64,
               counted, stats.blocks);
    }
}

/* Gives everything back: these are operations, too, behind those of the plan. */
static void drain(void)
{
    for (uint32_t slot = 0; slot < STORM_SLOTS; slot++) {
        struct storm_op op = {.slot = slot, .call = STORM_FREE};
        storm.op++;
        do_op(&op);
    }
    compare_counts();
    storm.op -= STORM_SLOTS;
}

static void finish(void)
{
    struct pab_error err;
    compare_counts();
    if (pab_pymalloc_check(storm.pm, &err) != PAB_OK) {
        differ("%s: our heap is damaged: %s", moment(), err.text);
    }
    if (storm.trial->list == NULL) { /* a listing says itself what is given back */
        drain();
    }
    fill_result();
    storm.outcome->done = true;
}

_Noreturn void pab_storm_trial(const struct storm_trial *trial)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    storm.trial = trial;
    storm.outcome = trial->outcome;
    start();
    if (trial->list != NULL) {
        do_batch(trial->list->ops, trial->list->count);
    } else {
        do_storm();
    }
    finish();
    _exit(0);
}
