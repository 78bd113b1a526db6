/* tests/bench/pymalloc_probe.c -- is the built-in pymalloc as fast as CPython's own?
 *
 *     pymalloc_probe [LIBPYTHON [PAIRS [CASE]]]     (libpython3.11.so.1.0, 41 pairs, all cases)
 *
 * Both allocators live in this process and are called through the same kind of table. For every
 * case a short round of one follows a short round of the other, in alternating order, on the same
 * stream of requests; a pair gives one ratio of CPU times, CPython's over ours. Printed are the
 * median ratio (above 1: ours is faster) with its quartiles, and the cost per operation.
 *
 * The cases are the bare allocator: no object is built, each block only has its first word
 * written. This is a developer's probe, with two heaps in one address space; what the suite
 * publishes comes from `pyallocbench run`, one process a sample.
 */
#include "allocators/pymalloc/pymalloc.h"
#include "workloads/support/rng.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define PAIRS_DEFAULT 41
#define PAIRS_MAX     1001
#define SIZE_PICKS    256u

struct size_share {
    uint16_t size, shares;
};

/* Sizes that CPython 3.11 asks the obj and mem domains for, GC header included, in shares of 256:
 * ints, floats, short strings and bytes, tuples, lists and their buffers, dicts and their key
 * tables, instances and their values, frames and functions. */
static const struct size_share size_mix[] = {
    {16, 6},  {24, 14}, {28, 30}, {32, 22}, {40, 8},  {48, 14}, {52, 12}, {56, 22}, {58, 10},
    {62, 10}, {64, 20}, {72, 20}, {80, 12}, {88, 8},  {96, 8},  {104, 6}, {112, 5}, {120, 5},
    {144, 5}, {160, 4}, {184, 3}, {216, 3}, {232, 3}, {296, 2}, {352, 2}, {440, 1}, {512, 1},
};

struct side {
    const char *name;
    struct pab_alloc table;
    void **slots;
    struct pab_rng rng;
};

struct bench_case {
    const char *name;
    size_t live, ops;
    void (*round)(struct side *side, size_t live, size_t ops);
    bool prefill; /* `live` blocks stand in the slots between rounds */
};

static uint16_t size_pick[SIZE_PICKS];

static void fill_size_picks(void)
{
    size_t filled = 0;
    for (size_t i = 0; i < ARRAY_COUNT(size_mix); i++) {
        for (unsigned share = 0; share < size_mix[i].shares; share++) {
            PAB_CHECK(filled < SIZE_PICKS);
            size_pick[filled++] = size_mix[i].size;
        }
    }
    PAB_CHECK(filled == SIZE_PICKS);
}

static inline void *take(struct side *side, uint64_t random)
{
    void *block = side->table.malloc(side->table.ctx, size_pick[random >> 56]);
    *(uint64_t *)block = random;
    return block;
}

static void give(struct side *side, void *block)
{
    side->table.free(side->table.ctx, block);
}

/* Frees the block in a random slot and puts a new one of a random size there. */
static void churn_round(struct side *side, size_t live, size_t ops)
{
    for (size_t i = 0; i < ops; i++) {
        uint64_t random = pab_rng_next(&side->rng);
        void **slot = &side->slots[((random & UINT32_MAX) * live) >> 32];
        give(side, *slot);
        *slot = take(side, random);
    }
}

static void lifo_round(struct side *side, size_t live, size_t ops)
{
    for (size_t done = 0; done < ops; done += live) {
        for (size_t i = 0; i < live; i++) {
            side->slots[i] = take(side, pab_rng_next(&side->rng));
        }
        for (size_t i = live; i-- > 0;) {
            give(side, side->slots[i]);
        }
    }
}

static void fifo_round(struct side *side, size_t live, size_t ops)
{
    for (size_t done = 0; done < ops; done += live) {
        for (size_t i = 0; i < live; i++) {
            side->slots[i] = take(side, pab_rng_next(&side->rng));
        }
        for (size_t i = 0; i < live; i++) {
            give(side, side->slots[i]);
        }
    }
}

/* A ring: the oldest of `live` blocks makes room for the newest. */
static void queue_round(struct side *side, size_t live, size_t ops)
{
    for (size_t done = 0; done < ops; done += live) {
        for (size_t i = 0; i < live; i++) {
            give(side, side->slots[i]);
            side->slots[i] = take(side, pab_rng_next(&side->rng));
        }
    }
}

static const struct bench_case cases[] = {
    {"churn, 1 thousand live", 1000, 200000, churn_round, true},
    {"churn, 100 thousand live", 100000, 200000, churn_round, true},
    {"churn, 1 million live", 1000000, 200000, churn_round, true},
    {"LIFO of 1", 1, 200000, lifo_round, false},
    {"LIFO of 100", 100, 200000, lifo_round, false},
    {"LIFO of 10 thousand", 10000, 200000, lifo_round, false},
    {"LIFO of 200 thousand", 200000, 200000, lifo_round, false},
    {"FIFO of 100", 100, 200000, fifo_round, false},
    {"FIFO of 10 thousand", 10000, 200000, fifo_round, false},
    {"FIFO of 200 thousand", 200000, 200000, fifo_round, false},
    {"queue of 1 thousand", 1000, 200000, queue_round, true},
    {"queue of 100 thousand", 100000, 200000, queue_round, true},
};

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double timed_round(const struct bench_case *bench, struct side *side)
{
    double start = cpu_seconds();
    bench->round(side, bench->live, bench->ops);
    return cpu_seconds() - start;
}

static void open_slots(const struct bench_case *bench, struct side *side)
{
    side->slots = calloc(bench->live, sizeof(*side->slots));
    PAB_CHECK(side->slots != NULL);
    pab_rng_seed(&side->rng, 11);
    for (size_t i = 0; bench->prefill && i < bench->live; i++) {
        side->slots[i] = take(side, pab_rng_next(&side->rng));
    }
    for (int warm = 0; warm < 3 + (int)(bench->live / bench->ops) * 2; warm++) {
        bench->round(side, bench->live, bench->ops);
    }
}

static void close_slots(const struct bench_case *bench, struct side *side)
{
    for (size_t i = 0; bench->prefill && i < bench->live; i++) {
        give(side, side->slots[i]);
    }
    free(side->slots);
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Prints one line and returns the median ratio. */
static double run_case(const struct bench_case *bench, struct side side[2], size_t pairs)
{
    double ratio[PAIRS_MAX];
    double cost_ns[2][PAIRS_MAX];
    open_slots(bench, &side[0]);
    open_slots(bench, &side[1]);
    for (size_t pair = 0; pair < pairs; pair++) {
        double seconds[2];
        for (size_t turn = 0; turn < 2; turn++) {
            size_t who = (pair + turn) % 2;
            seconds[who] = timed_round(bench, &side[who]);
            cost_ns[who][pair] = 1e9 * seconds[who] / (double)bench->ops;
        }
        ratio[pair] = seconds[1] / seconds[0];
    }
    close_slots(bench, &side[0]);
    close_slots(bench, &side[1]);
    qsort(ratio, pairs, sizeof(ratio[0]), compare_doubles);
    qsort(cost_ns[0], pairs, sizeof(cost_ns[0][0]), compare_doubles);
    qsort(cost_ns[1], pairs, sizeof(cost_ns[1][0]), compare_doubles);
    printf("%-26s %6.3f  [%.3f, %.3f]  %6.2f ns %6.2f ns\n", bench->name, ratio[pairs / 2],
           ratio[pairs / 4], ratio[3 * pairs / 4], cost_ns[0][pairs / 2], cost_ns[1][pairs / 2]);
    fflush(stdout);
    return ratio[pairs / 2];
}

static struct {
    void *(*malloc)(size_t size);
    void (*free)(void *ptr);
} python;

static void *python_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return python.malloc(size);
}

static void python_free(void *ctx, void *ptr)
{
    (void)ctx;
    python.free(ptr);
}

static void *libc_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *libc_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return calloc(count, size);
}

static void *libc_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return realloc(ptr, size);
}

static void libc_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const struct pab_alloc libc_table = {
    .malloc = libc_malloc,
    .calloc = libc_calloc,
    .realloc = libc_realloc,
    .free = libc_free,
};

int main(int argc, char **argv)
{
    const char *library = argc > 1 ? argv[1] : "libpython3.11.so.1.0";
    unsigned long wish = argc > 2 ? strtoul(argv[2], NULL, 10) : PAIRS_DEFAULT;
    size_t pairs = wish < 1 ? 1 : wish > PAIRS_MAX ? PAIRS_MAX : wish;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "pymalloc_probe: %s; install libpython3.11\n", dlerror());
        return 77;
    }
    *(void **)&python.malloc = dlsym(handle, "PyObject_Malloc");
    *(void **)&python.free = dlsym(handle, "PyObject_Free");
    struct pab_error err;
    struct pab_pymalloc *pm = NULL;
    const struct pab_pymalloc_profile *profile = pab_pymalloc_profile_find("3.11");
    if (python.malloc == NULL || python.free == NULL ||
        pab_pymalloc_create(&pm, &profile->geometry, &libc_table, NULL, &err) != PAB_OK) {
        fprintf(stderr, "pymalloc_probe: cannot open both allocators\n");
        return 1;
    }
    fill_size_picks();
    struct side side[2] = {
        {.name = "pymalloc", .table = pab_pymalloc_table(pm)},
        {.name = "libpython", .table = {.malloc = python_malloc, .free = python_free}},
    };
    printf("%-26s  ratio  [quartiles]        ours  CPython   (median of %zu pairs)\n", "case",
           pairs);
    double log_sum = 0;
    size_t ran = 0;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (argc <= 3 || strstr(cases[i].name, argv[3]) != NULL) {
            log_sum += log(run_case(&cases[i], side, pairs));
            ran++;
        }
    }
    if (ran > 0) {
        printf("%-26s %6.3f\n", "geometric mean", exp(log_sum / (double)ran));
    }
    pab_pymalloc_destroy(pm);
    return 0;
}
