/* allocators/pymalloc.c -- the built-in pymalloc over any raw heap, as a backend.
 *
 * Insertion as in CPython: obj, and from 3.6 on mem, are served from pools; the raw domain and all
 * that pools do not serve go to the heap below. `level` puts that heap elsewhere:
 *
 *            raw domain   mem domain   over the threshold   arenas
 *   raw      RAW          pools        RAW                  the system's pages
 *   mem      RAW          RAW          RAW                  the system's pages
 *   arena    system       pools        system               RAW, as PyObject_SetArenaAllocator()
 */
#include "allocators/pymalloc/pymalloc.h"

#include "allocators/pymalloc/borrow.h"
#include "allocators/spec.h"

#include <string.h>

#define DEFAULT_PROFILE "3.11"

/* `profile` sets everything, the others override, whatever their order. */
static const struct pab_key keys[] = {
    {.name = "profile",
     .summary = "CPython release whose geometry and rules apply",
     .kind = PAB_KEY_CHOICE,
     .choices = "2.7|3.6|3.7|3.8|3.9|3.10|3.11|3.12|3.13|3.14|3.15"},
    {.name = "align",
     .summary = "block sizes are multiples of it",
     .kind = PAB_KEY_SIZE,
     .min = 8,
     .max = 16},
    {.name = "pool",
     .summary = "bytes of a pool, which serves one size class",
     .kind = PAB_KEY_SIZE,
     .min = 1u << 10,
     .max = 256u << 10},
    {.name = "arena",
     .summary = "bytes of an arena, which pools are cut from",
     .kind = PAB_KEY_SIZE,
     .min = 4u << 10,
     .max = 1u << 30},
    {.name = "threshold",
     .summary = "largest request served from pools",
     .kind = PAB_KEY_SIZE,
     .min = 16,
     .max = 512},
    {.name = "tail",
     .summary = "whether the last usable arena is kept though wholly free",
     .kind = PAB_KEY_CHOICE,
     .choices = "keep|release"},
    {.name = "hugepages",
     .summary = "whether the kernel is asked for huge pages behind arenas",
     .kind = PAB_KEY_CHOICE,
     .choices = "off|advise"},
    {.name = "release",
     .summary = "a released arena's memory goes back when the next one is released, at once, or "
                "never: a lost purge",
     .kind = PAB_KEY_CHOICE,
     .choices = "lazy|eager|never"},
    {.name = "level",
     .summary = "where the allocator behind '+' sits: below the raw domain, below mem too, or "
                "behind the arenas alone",
     .kind = PAB_KEY_CHOICE,
     .choices = "raw|mem|arena"},
    {.name = NULL},
};

static bool is_choice(const struct pab_spec *spec, const char *key, const char *word)
{
    const struct pab_spec_value *value = pab_spec_get(spec, key);
    return value != NULL && strcmp(value->text, word) == 0;
}

static void override_size(const struct pab_spec *spec, const char *key, size_t *size)
{
    const struct pab_spec_value *value = pab_spec_get(spec, key);
    if (value != NULL) {
        *size = value->number;
    }
}

static enum pab_arena_release release_of(const struct pab_spec *spec)
{
    return is_choice(spec, "release", "eager")   ? PAB_RELEASE_EAGER
           : is_choice(spec, "release", "never") ? PAB_RELEASE_NEVER
                                                 : PAB_RELEASE_LAZY;
}

static const char *profile_name(const struct pab_spec *spec)
{
    const struct pab_spec_value *value = pab_spec_get(spec, "profile");
    return value != NULL ? value->text : DEFAULT_PROFILE;
}

struct pab_pymalloc_geometry pab_pymalloc_spec_geometry(const struct pab_spec *spec)
{
    const struct pab_pymalloc_profile *profile = pab_pymalloc_profile_find(profile_name(spec));
    PAB_CHECK(profile != NULL); /* `choices` names them all */
    struct pab_pymalloc_geometry geometry = profile->geometry;
    override_size(spec, "align", &geometry.align);
    override_size(spec, "pool", &geometry.pool_bytes);
    override_size(spec, "arena", &geometry.arena_bytes);
    override_size(spec, "threshold", &geometry.threshold);
    if (pab_spec_get(spec, "tail") != NULL) {
        geometry.keep_last_arena = is_choice(spec, "tail", "keep");
    }
    if (pab_spec_get(spec, "hugepages") != NULL) {
        geometry.advise_hugepages = is_choice(spec, "hugepages", "advise");
    }
    geometry.release = release_of(spec);
    return geometry;
}

static enum pab_status pymalloc_check_spec(const struct pab_spec *spec, struct pab_error *err)
{
    struct pab_pymalloc_geometry geometry = pab_pymalloc_spec_geometry(spec);
    if (is_choice(spec, "level", "arena") && pab_spec_is(spec, "hooks", "debug")) {
        return pab_fail(err, PAB_USAGE,
                        "%s: the debug hooks stand around blocks, not around arenas: take away "
                        "hooks=debug or level=arena",
                        spec->id);
    }
    return pab_pymalloc_geometry_check(&geometry, err);
}

/* What probe() tells, beside the allocator itself. */
struct pymalloc_state {
    struct pab_pymalloc *pm;
    struct pab_pymalloc_borrowed *borrowed; /* level=arena: owns pm; else NULL */
    struct pab_heap system;                 /* level=arena: serves the raw domain */
    struct pab_pymalloc_geometry geometry;
    char profile[8];
    bool mem_is_pooled;
};

/* The C library's malloc serves what RAW does at the other levels. */
static enum pab_status open_system(struct pab_heap *out, struct pab_error *err)
{
    struct pab_spec *spec = NULL;
    enum pab_status status = pab_spec_parse("system", &spec, err);
    if (status == PAB_OK) {
        status = pab_heap_open(out, spec, err);
    }
    pab_spec_destroy(spec);
    return status;
}

static enum pab_status open_over_borrowed(struct pymalloc_state *state, const struct pab_alloc *raw,
                                          struct pab_error *err)
{
    enum pab_status status = open_system(&state->system, err);
    if (status != PAB_OK) {
        return status;
    }
    status = pab_pymalloc_borrow(&state->borrowed, &state->geometry,
                                 &state->system.domain[PAB_DOMAIN_RAW], raw, err);
    if (status != PAB_OK) {
        pab_heap_close(&state->system);
        return status;
    }
    state->pm = pab_pymalloc_borrow_inner(state->borrowed);
    return PAB_OK;
}

static enum pab_status pymalloc_open(struct pab_heap *heap, const struct pab_spec *spec,
                                     struct pab_error *err)
{
    PAB_CHECK(heap->raw != NULL);
    struct pymalloc_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for a heap");
    }
    state->geometry = pab_pymalloc_spec_geometry(spec);
    snprintf(state->profile, sizeof(state->profile), "%s", profile_name(spec));
    const struct pab_alloc *raw = &heap->raw->domain[PAB_DOMAIN_RAW];
    bool borrows = is_choice(spec, "level", "arena");
    enum pab_status status =
        borrows ? open_over_borrowed(state, raw, err)
                : pab_pymalloc_create(&state->pm, &state->geometry, raw, NULL, err);
    if (status != PAB_OK) {
        free(state);
        return status;
    }
    struct pab_alloc table =
        borrows ? pab_pymalloc_borrow_table(state->borrowed) : pab_pymalloc_table(state->pm);
    raw = borrows ? &state->system.domain[PAB_DOMAIN_RAW] : raw;
    state->mem_is_pooled = state->geometry.mem_is_pymalloc && !is_choice(spec, "level", "mem");
    heap->state = state;
    heap->domain[PAB_DOMAIN_RAW] = *raw;
    heap->domain[PAB_DOMAIN_MEM] = state->mem_is_pooled ? table : *raw;
    heap->domain[PAB_DOMAIN_OBJ] = table;
    return PAB_OK;
}

static void pymalloc_close(struct pab_heap *heap)
{
    struct pymalloc_state *state = heap->state;
    if (state->borrowed != NULL) {
        pab_pymalloc_borrow_end(state->borrowed);
        pab_heap_close(&state->system);
    } else {
        pab_pymalloc_destroy(state->pm);
    }
    free(state);
    heap->state = NULL;
}

static enum pab_status pymalloc_probe(struct pab_heap *heap, struct pab_identity *out,
                                      struct pab_error *err)
{
    static const char *const releases[] = {
        [PAB_RELEASE_LAZY] = "lazy", [PAB_RELEASE_EAGER] = "eager", [PAB_RELEASE_NEVER] = "never"};
    (void)err;
    const struct pymalloc_state *state = heap->state;
    const struct pab_pymalloc_geometry *geometry = &state->geometry;
    snprintf(out->version, sizeof(out->version), "built in, as CPython %s", state->profile);
    snprintf(out->settings, sizeof(out->settings),
             "align=%zu threshold=%zu pool=%zu arena=%zu tail=%s hugepages=%s release=%s mem=%s "
             "raw=%s%s%s",
             geometry->align, geometry->threshold, geometry->pool_bytes, geometry->arena_bytes,
             geometry->keep_last_arena ? "keep" : "release",
             geometry->advise_hugepages ? "advise" : "off", releases[geometry->release],
             state->mem_is_pooled ? "pymalloc" : "raw",
             state->borrowed != NULL ? "system" : heap->raw->backend->name,
             state->borrowed != NULL ? " arenas=" : "",
             state->borrowed != NULL ? heap->raw->backend->name : "");
    return PAB_OK;
}

/* sys.getallocatedblocks(). */
static uint64_t pymalloc_counter(struct pab_heap *heap)
{
    const struct pymalloc_state *state = heap->state;
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(state->pm, &stats);
    return stats.blocks;
}

static void pymalloc_stats(struct pab_heap *heap, pab_stat_visit visit, void *arg)
{
    const struct pymalloc_state *state = heap->state;
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(state->pm, &stats);
    visit(arg, "arenas_ever", stats.arenas_ever);
    visit(arg, "arenas_reclaimed", stats.arenas_reclaimed);
    visit(arg, "arenas_now", stats.arenas_now);
    visit(arg, "arenas_high", stats.arenas_high);
    visit(arg, "arenas_bytes", stats.arenas_bytes);
    visit(arg, "allocated_bytes", stats.allocated_bytes);
    visit(arg, "available_bytes", stats.available_bytes);
    visit(arg, "unused_pools", stats.unused_pools);
    visit(arg, "unused_pools_bytes", stats.unused_pools_bytes);
    visit(arg, "headers_bytes", stats.headers_bytes);
    visit(arg, "quantization_bytes", stats.quantization_bytes);
    visit(arg, "alignment_bytes", stats.alignment_bytes);
    visit(arg, "raw_blocks", stats.raw_blocks);
    visit(arg, "blocks", stats.blocks);
}

static bool pymalloc_inventory(struct pab_heap *heap, struct pab_inventory *out)
{
    const struct pymalloc_state *state = heap->state;
    if (state->borrowed != NULL) {
        return false; /* the lender counts the same bytes as its blocks */
    }
    pab_pymalloc_inventory_read(state->pm, out);
    return true;
}

const struct pab_backend pab_backend_pymalloc = {
    .name = "pymalloc",
    .summary = "CPython's small-object allocator, written from its documented behaviour",
    .contract = PAB_BACKEND_CONTRACT,
    .caps = PAB_CAP_USABLE_SIZE | PAB_CAP_STACKS | PAB_CAP_DEFAULT | PAB_CAP_INSTANCES,
    .keys = keys,
    .check_spec = pymalloc_check_spec,
    .open = pymalloc_open,
    .close = pymalloc_close,
    .probe = pymalloc_probe,
    .counter = pymalloc_counter,
    .stats = pymalloc_stats,
    .inventory = pymalloc_inventory,
};
