/* tests/differential/pymalloc_storm.c -- the same calls to libpython 3.11 and to our pymalloc.
 *
 *     pymalloc_storm [OPS] [SEED] [LIBPYTHON]
 *
 * Each side takes its arenas from a region of its own, by the same rule; so block for block the
 * addresses differ by one constant, or a block is raw on both sides. Compared are every address,
 * the order of arena calls, and the number of live blocks. Three modes: arenas aligned to their
 * size, arenas that are not (63 pools), and a source that fails every seventh time. Contents are
 * checked on our side. Works up to 3.11, where PyObject_Malloc() needs no interpreter.
 */
#include "allocators/os_pages.h"
#include "allocators/pymalloc/pymalloc.h"
#include "workloads/support/rng.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGION_ARENAS 512u
#define SLOTS         200000u
#define PHASE_OPS     UINT64_C(500000)

enum mode { MODE_ALIGNED, MODE_UNALIGNED, MODE_FAILING, MODE_COUNT };

static const char *const mode_names[MODE_COUNT] = {"aligned", "unaligned", "failing"};

struct region {
    unsigned char *base;
    size_t arena_bytes;
    enum mode mode;
    uint64_t call_count, failed_count;
    uint64_t call_hash; /* of every arena taken and given back, in order */
    bool taken[REGION_ARENAS];
};

struct oracle {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
};

struct storm {
    struct region python_region, our_region;
    struct oracle python;
    struct pab_pymalloc *pm;
    struct pab_alloc ours;
    struct pab_rng rng;
    uint64_t compared, owned;
};

static void region_note(struct region *region, uint64_t what)
{
    region->call_hash = (region->call_hash ^ what) * 0x100000001b3u;
}

static void *region_alloc(void *ctx, size_t size)
{
    struct region *region = ctx;
    PAB_CHECK(size == region->arena_bytes);
    if (region->mode == MODE_FAILING && ++region->call_count % 7 == 0) {
        region_note(region, 1);
        region->failed_count++;
        return NULL;
    }
    for (size_t i = 0; i < REGION_ARENAS; i++) {
        if (!region->taken[i]) {
            region->taken[i] = true;
            region_note(region, 2 + 2 * i);
            size_t skew = region->mode == MODE_UNALIGNED ? 4096 : 0;
            return region->base + i * size + skew;
        }
    }
    return NULL;
}

static void region_free(void *ctx, void *arena, size_t size)
{
    struct region *region = ctx;
    size_t number = (size_t)((unsigned char *)arena - region->base) / size;
    PAB_CHECK(number < REGION_ARENAS && region->taken[number]);
    region->taken[number] = false;
    region_note(region, 3 + 2 * number);
}

static void region_open(struct region *region, size_t arena_bytes, enum mode mode)
{
    size_t bytes = (REGION_ARENAS + 2) * arena_bytes;
    unsigned char *start = pab_pages_reserve(&bytes, bytes);
    PAB_CHECK(start != NULL && pab_pages_commit(start, bytes));
    *region = (struct region){
        .base = start + (-(uintptr_t)start & (arena_bytes - 1)),
        .arena_bytes = arena_bytes,
        .mode = mode,
    };
}

/* Where a block lies in its region; SIZE_MAX: not there, so raw. */
static size_t region_offset(const struct region *region, const void *block)
{
    size_t offset = (uintptr_t)block - (uintptr_t)region->base;
    return offset < (REGION_ARENAS + 1) * region->arena_bytes ? offset : SIZE_MAX;
}

static void expect_same(struct storm *storm, const void *python, const void *ours, uint64_t op)
{
    size_t expected = region_offset(&storm->python_region, python);
    size_t found = region_offset(&storm->our_region, ours);
    storm->compared++;
    storm->owned += expected != SIZE_MAX;
    if (expected != found) {
        fprintf(stderr, "operation %llu: CPython at offset %zd, ours at %zd\n",
                (unsigned long long)op, (ptrdiff_t)expected, (ptrdiff_t)found);
        exit(1);
    }
}

struct slot {
    void *python;
    unsigned char *ours;
    size_t size;
    unsigned char fill;
};

static struct slot slots[SLOTS];

static size_t draw_size(struct pab_rng *rng)
{
    uint32_t kind = pab_rng_below(rng, 100);
    if (kind < 3) {
        return kind == 0 ? 0 : 500 + pab_rng_below(rng, 700);
    }
    return kind < 60 ? 16 + pab_rng_below(rng, 100) : 1 + pab_rng_below(rng, 512);
}

static void fill_slot(struct slot *slot, size_t size, uint64_t op)
{
    slot->size = size;
    slot->fill = (unsigned char)(op * 37 + 1);
    memset(slot->ours, slot->fill, size);
}

static void expect_bytes(const struct slot *slot, unsigned char value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PAB_CHECK(slot->ours[i] == value);
    }
}

static void take_block(struct storm *storm, struct slot *slot, uint64_t op)
{
    const struct pab_alloc *ours = &storm->ours;
    size_t size = draw_size(&storm->rng);
    if (op % 8 == 0) {
        slot->python = storm->python.calloc(size, 1);
        slot->ours = ours->calloc(ours->ctx, size, 1);
        expect_bytes(slot, 0, size);
    } else {
        slot->python = storm->python.malloc(size);
        slot->ours = ours->malloc(ours->ctx, size);
    }
    expect_same(storm, slot->python, slot->ours, op);
    fill_slot(slot, size, op);
}

static void change_block(struct storm *storm, struct slot *slot, uint64_t op, bool shrink)
{
    const struct pab_alloc *ours = &storm->ours;
    if (op % 4 != 0) {
        expect_bytes(slot, slot->fill, slot->size);
        storm->python.free(slot->python);
        ours->free(ours->ctx, slot->ours);
        slot->ours = NULL;
        return;
    }
    size_t size = shrink ? slot->size * 3 / 4 : draw_size(&storm->rng);
    slot->python = storm->python.realloc(slot->python, size);
    slot->ours = ours->realloc(ours->ctx, slot->ours, size);
    expect_same(storm, slot->python, slot->ours, op);
    expect_bytes(slot, slot->fill, size < slot->size ? size : slot->size);
    fill_slot(slot, size, op);
}

static void give_all_back(struct storm *storm)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].ours != NULL) {
            storm->python.free(slots[i].python);
            storm->ours.free(storm->ours.ctx, slots[i].ours);
            slots[i].ours = NULL;
        }
    }
}

/* Grows for one phase and shrinks for the next, within a part of the slots that changes too, so
 * that arenas of every fullness stand side by side; now and then starts from nothing. */
static void run_operations(struct storm *storm, uint64_t ops)
{
    for (uint64_t op = 0; op < ops; op++) {
        uint64_t phase = op / PHASE_OPS;
        uint32_t reach = SLOTS >> (phase / 2 % 5);
        struct slot *slot = &slots[pab_rng_below(&storm->rng, reach)];
        bool growing = phase % 2 == 0;
        if (op % (10 * PHASE_OPS) == 0) {
            give_all_back(storm);
        }
        if (slot->ours == NULL) {
            if (growing || op % 16 == 0) {
                take_block(storm, slot, op);
            }
        } else if (!growing || op % 5 == 0) {
            change_block(storm, slot, op, pab_rng_below(&storm->rng, 2) == 0);
        }
    }
}

static void *raw_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size + (size == 0));
}

static void *raw_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);
}

static void *raw_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return realloc(ptr, size + (size == 0));
}

static void raw_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const struct pab_alloc raw_table = {
    .malloc = raw_malloc,
    .calloc = raw_calloc,
    .realloc = raw_realloc,
    .free = raw_free,
};

/* Field for field CPython's PyObjectArenaAllocator (Doc/c-api/memory.rst). */
struct python_arena_allocator {
    void *ctx;
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *ptr, size_t size);
};

static void open_storm(struct storm *storm, void *library, enum mode mode, uint64_t seed)
{
    const struct pab_pymalloc_profile *profile = pab_pymalloc_profile_find("3.11");
    size_t arena_bytes = profile->geometry.arena_bytes;
    region_open(&storm->python_region, arena_bytes, mode);
    region_open(&storm->our_region, arena_bytes, mode);
    *(void **)&storm->python.malloc = dlsym(library, "PyObject_Malloc");
    *(void **)&storm->python.calloc = dlsym(library, "PyObject_Calloc");
    *(void **)&storm->python.realloc = dlsym(library, "PyObject_Realloc");
    *(void **)&storm->python.free = dlsym(library, "PyObject_Free");
    void (*set_arenas)(struct python_arena_allocator * allocator) = NULL;
    *(void **)&set_arenas = dlsym(library, "PyObject_SetArenaAllocator");
    set_arenas(&(struct python_arena_allocator){&storm->python_region, region_alloc, region_free});
    struct pab_arena_source source = {
        .ctx = &storm->our_region,
        .alloc = region_alloc,
        .free = region_free,
        .base = (uintptr_t)storm->our_region.base,
        .span = (REGION_ARENAS + 1) * arena_bytes,
    };
    struct pab_error err;
    PAB_CHECK(pab_pymalloc_create(&storm->pm, &profile->geometry, &raw_table, &source, &err) ==
              PAB_OK);
    storm->ours = pab_pymalloc_table(storm->pm);
    pab_rng_seed(&storm->rng, seed);
}

static void expect_equal(const char *what, uint64_t python, uint64_t ours)
{
    if (python != ours) {
        fprintf(stderr, "%s: CPython %llu, ours %llu\n", what, (unsigned long long)python,
                (unsigned long long)ours);
        exit(1);
    }
}

static void run_mode(void *library, enum mode mode, uint64_t ops, uint64_t seed)
{
    static struct storm storm;
    int64_t (*python_blocks)(void) = NULL;
    *(void **)&python_blocks = dlsym(library, "_Py_GetAllocatedBlocks");
    PAB_CHECK(python_blocks != NULL);
    open_storm(&storm, library, mode, seed);
    int64_t python_before = python_blocks();
    run_operations(&storm, ops);

    struct pab_error err;
    struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(storm.pm, &stats);
    expect_equal("live blocks", (uint64_t)(python_blocks() - python_before), stats.blocks);
    PAB_CHECK(pab_pymalloc_check(storm.pm, &err) == PAB_OK);
    give_all_back(&storm);
    expect_equal("arena calls", storm.python_region.call_hash, storm.our_region.call_hash);
    printf("%-9s  %llu operations, %llu addresses compared, %llu of them owned, "
           "%llu arenas taken, %llu refused: no difference\n",
           mode_names[mode], (unsigned long long)ops, (unsigned long long)storm.compared,
           (unsigned long long)storm.owned, (unsigned long long)stats.arenas_ever,
           (unsigned long long)storm.our_region.failed_count);
}

/* A process for each mode: the state of libpython's allocator cannot be reset. */
int main(int argc, char **argv)
{
    uint64_t ops = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const char *file = argc > 3 ? argv[3] : "libpython3.11.so.1.0";
    int failed = 0;
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        fflush(stdout);
        pid_t child = fork();
        PAB_CHECK(child >= 0);
        if (child == 0) {
            void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
            if (library == NULL) {
                fprintf(stderr, "pymalloc_storm: %s; install libpython3.11\n", dlerror());
                exit(77);
            }
            run_mode(library, (enum mode)mode, ops, seed);
            exit(0);
        }
        int status = 0;
        PAB_CHECK(waitpid(child, &status, 0) == child);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        failed = code != 0 ? code : failed;
    }
    return failed;
}
