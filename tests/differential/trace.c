#include "tests/differential/trace.h"

#include "allocators/decorate/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_FIRST ((size_t)1 << 12)

static const char *const domain_names[PAB_DOMAIN_COUNT] = {"raw", "mem", "obj"};

/* --- blocks by address ------------------------------------------------------------------------ */

static size_t home_place(const struct trace *trace, uintptr_t address)
{
    return (size_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (trace->block_places - 1);
}

static struct trace_block *find_block(const struct trace *trace, uintptr_t address)
{
    size_t place = home_place(trace, address);
    while (trace->blocks[place].address != address && trace->blocks[place].address != 0) {
        place = (place + 1) & (trace->block_places - 1);
    }
    return &trace->blocks[place];
}

static void blocks_new(struct trace *trace, size_t places)
{
    trace->blocks = calloc(places, sizeof(trace->blocks[0]));
    PAB_CHECK(trace->blocks != NULL);
    trace->block_places = places;
}

static void blocks_grow(struct trace *trace)
{
    struct trace_block *old = trace->blocks;
    size_t old_places = trace->block_places;
    blocks_new(trace, 2 * old_places);
    for (size_t i = 0; i < old_places; i++) {
        if (old[i].address != 0) {
            *find_block(trace, old[i].address) = old[i];
        }
    }
    free(old);
}

static uint64_t add_block(struct trace *trace, const void *block)
{
    if (trace->block_count >= trace->block_places / 2) {
        blocks_grow(trace);
    }
    struct trace_block *place = find_block(trace, (uintptr_t)block);
    PAB_CHECK(place->address == 0); /* else the allocator gave one block twice */
    *place = (struct trace_block){(uintptr_t)block, ++trace->block_number};
    trace->block_count++;
    return place->number;
}

uint64_t trace_block_of(const struct trace *trace, const struct pab_object *object)
{
    /* None; the collector's; the collector's behind the pointers of an instance. */
    static const uintptr_t header_bytes[] = {0, 16, 32};
    for (size_t i = 0; i < ARRAY_COUNT(header_bytes); i++) {
        const struct trace_block *found = find_block(trace, (uintptr_t)object - header_bytes[i]);
        if (found->address != 0) {
            return found->number;
        }
    }
    return 0;
}

/* Its number, or 0: not known. Later members of its run move back (Knuth, TAOCP 6.4, R). */
static uint64_t remove_block(struct trace *trace, const void *block)
{
    struct trace_block *found = find_block(trace, (uintptr_t)block);
    if (found->address == 0) {
        return 0;
    }
    uint64_t number = found->number;
    size_t mask = trace->block_places - 1;
    size_t gap = (size_t)(found - trace->blocks);
    for (size_t place = (gap + 1) & mask; trace->blocks[place].address != 0;
         place = (place + 1) & mask) {
        size_t home = home_place(trace, trace->blocks[place].address);
        if (((place - home) & mask) >= ((place - gap) & mask)) {
            trace->blocks[gap] = trace->blocks[place];
            gap = place;
        }
    }
    trace->blocks[gap].address = 0;
    trace->block_count--;
    return number;
}

/* --- events ----------------------------------------------------------------------------------- */

/* True: this event is to be written as text. */
static bool event(struct trace *trace, uint64_t a, uint64_t b, uint64_t c)
{
    if (++trace->events <= trace->limit) {
        trace->hash = pab_request_hash_mix(trace->hash, a);
        trace->hash = pab_request_hash_mix(trace->hash, b);
        trace->hash = pab_request_hash_mix(trace->hash, c);
    }
    if (trace->text == NULL || trace->events < trace->first || trace->events > trace->last) {
        return false;
    }
    trace->step_at_last = trace->step;
    return true;
}

static void request(const struct trace_lane *lane, enum pab_call call, size_t size, uint64_t old)
{
    static const char *const names[PAB_CALL_COUNT] = {"malloc", "calloc", "realloc", "free"};
    struct trace *trace = lane->trace;
    uint64_t code = (uint64_t)lane->domain << 2 | (uint64_t)call;
    if (!event(trace, code, size, old)) {
        return;
    }
    fprintf(trace->text, "%s %s", domain_names[lane->domain], names[call]);
    if (old != 0) {
        fprintf(trace->text, " #%" PRIu64, old);
    }
    if (call != PAB_CALL_FREE) {
        fprintf(trace->text, " %zu bytes, gives #%" PRIu64, size, trace->block_number + 1);
    }
    fputc('\n', trace->text);
}

void trace_note(struct trace *trace, const char *what, int64_t value)
{
    if (event(trace, UINT64_MAX, (uint64_t)value, 0)) {
        fprintf(trace->text, "= %s %" PRId64 "\n", what, value);
    }
}

void trace_step(struct trace *trace, size_t step)
{
    trace->step = step;
}

/* --- the tables ------------------------------------------------------------------------------- */

static void *known(struct trace *trace, void *block)
{
    PAB_CHECK(block != NULL);
    if (!trace->paused) {
        add_block(trace, block);
    }
    return block;
}

static void *trace_malloc(void *ctx, size_t size)
{
    const struct trace_lane *lane = ctx;
    if (!lane->trace->paused) {
        request(lane, PAB_CALL_MALLOC, size, 0);
    }
    return known(lane->trace, lane->below.malloc(lane->below.ctx, size));
}

static void *trace_calloc(void *ctx, size_t count, size_t size)
{
    const struct trace_lane *lane = ctx;
    if (!lane->trace->paused) {
        request(lane, PAB_CALL_CALLOC, count * size, 0);
    }
    return known(lane->trace, lane->below.calloc(lane->below.ctx, count, size));
}

static void *trace_realloc(void *ctx, void *block, size_t size)
{
    const struct trace_lane *lane = ctx;
    uint64_t number = block == NULL ? 0 : remove_block(lane->trace, block);
    if (!lane->trace->paused) {
        request(lane, PAB_CALL_REALLOC, size, number);
    }
    return known(lane->trace, lane->below.realloc(lane->below.ctx, block, size));
}

static void trace_free(void *ctx, void *block)
{
    const struct trace_lane *lane = ctx;
    if (block == NULL) {
        return;
    }
    uint64_t number = remove_block(lane->trace, block);
    if (!lane->trace->paused) {
        request(lane, PAB_CALL_FREE, 0, number);
    }
    lane->below.free(lane->below.ctx, block);
}

void trace_init(struct trace *trace, const struct pab_alloc *below)
{
    memset(trace, 0, sizeof(*trace));
    blocks_new(trace, PLACES_FIRST);
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        trace->lanes[i] = (struct trace_lane){trace, (enum pab_domain)i, below[i]};
        trace->heap.domain[i] = (struct pab_alloc){
            .ctx = &trace->lanes[i],
            .malloc = trace_malloc,
            .calloc = trace_calloc,
            .realloc = trace_realloc,
            .free = trace_free,
        };
    }
}

void trace_fini(struct trace *trace)
{
    free(trace->blocks);
    trace->blocks = NULL;
}

void trace_begin(struct trace *trace, uint64_t limit)
{
    if (trace->block_places > PLACES_FIRST) {
        free(trace->blocks);
        blocks_new(trace, PLACES_FIRST);
    } else {
        memset(trace->blocks, 0, trace->block_places * sizeof(trace->blocks[0]));
    }
    trace->block_count = 0;
    trace->block_number = 0;
    trace->paused = false;
    trace->events = 0;
    trace->hash = PAB_REQUEST_HASH_INIT;
    trace->limit = limit;
    trace->step = 0;
    trace->step_at_last = 0;
    trace->text = NULL;
}

void trace_pause(struct trace *trace, bool paused)
{
    trace->paused = paused;
}
