/* tests/bench/floor.c -- what the harness adds to a raw operation. Prints, judges nothing.
 *
 * On the `null` backend, where an allocation costs next to nothing, two ways to do the same
 * requests take turns, round after round:
 *
 *   by hand    loops written here: the same requests through the same table, the same words of
 *              the blocks written and read, as their owner would, and nothing else
 *   harness    the body of the workload raw_random, called as the worker calls it, with its
 *              phases, its checks and its checksum
 *
 * Usage: floor [ROUNDS]
 */
#include "allocators/spec.h"
#include "workloads/support/inputs.h"
#include "workloads/support/replacements.h"
#include "workloads/workload.h"

#include <string.h>
#include <time.h>

#define ROUNDS_MAX 2000
#define INPUTS     ((size_t)1 << 28)
#define SEED       1

struct by_hand {
    struct pab_replacements replacements;
    unsigned char **slots;
};

static struct {
    struct pab_inputs inputs;
    struct pab_heap heap;
    struct by_hand by_hand;
    struct pab_run run;
    uint64_t params[PAB_PARAMS_MAX];
    volatile uint64_t sum; /* so that no compiler leaves the reading out */
    double by_hand_ns[ROUNDS_MAX], harness_ns[ROUNDS_MAX], difference_ns[ROUNDS_MAX];
} bench;

static void expect_ok(enum pab_status status, const struct pab_error *err)
{
    if (status != PAB_OK) {
        fprintf(stderr, "floor: %s\n", err->text);
        exit(1);
    }
}

static void write_ends(unsigned char *block, size_t size, uint64_t tag)
{
    memcpy(block + size - sizeof(tag), &tag, sizeof(tag));
    memcpy(block, &tag, sizeof(tag));
}

static uint64_t first_word(const unsigned char *block)
{
    uint64_t tag;
    memcpy(&tag, block, sizeof(tag));
    return tag;
}

static uint64_t run_by_hand(struct by_hand *b, const struct pab_alloc *obj)
{
    const struct pab_replacements *r = &b->replacements;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->live; i++) {
        uint16_t size = r->sizes[pab_replacement_class(r->build[i])];
        b->slots[i] = obj->malloc(obj->ctx, size);
        write_ends(b->slots[i], size, r->build[i]);
    }
    for (uint64_t i = 0; i < r->count; i++) {
        uint32_t slot = pab_replacement_slot(r->steady[i]);
        uint16_t size = r->sizes[pab_replacement_class(r->steady[i])];
        sum += first_word(b->slots[slot]);
        obj->free(obj->ctx, b->slots[slot]);
        b->slots[slot] = obj->malloc(obj->ctx, size);
        write_ends(b->slots[slot], size, i);
    }
    for (uint32_t i = 0; i < r->live / 4 * 3; i++) {
        sum += first_word(b->slots[r->drain[i]]);
        obj->free(obj->ctx, b->slots[r->drain[i]]);
        b->slots[r->drain[i]] = NULL;
    }
    for (uint32_t i = 0; i < r->live; i++) {
        if (b->slots[i] != NULL) {
            sum += first_word(b->slots[i]);
            obj->free(obj->ctx, b->slots[i]);
        }
    }
    return sum;
}

static double cpu_ns(void)
{
    struct timespec now;
    PAB_CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double time_by_hand(void)
{
    double start = cpu_ns();
    bench.sum += run_by_hand(&bench.by_hand, &bench.heap.domain[PAB_DOMAIN_OBJ]);
    double end = cpu_ns();
    bench.heap.backend->reset(&bench.heap);
    return (end - start) / (double)bench.run.op_count;
}

static double time_harness(const struct pab_workload *workload)
{
    double start = cpu_ns();
    workload->body(&bench.run);
    double end = cpu_ns();
    bench.heap.backend->reset(&bench.heap);
    return (end - start) / (double)bench.run.op_count;
}

static void set_up(const struct pab_workload *workload)
{
    struct pab_error err;
    struct pab_spec *spec = NULL;
    expect_ok(pab_spec_parse("null", &spec, &err), &err);
    expect_ok(pab_heap_open(&bench.heap, spec, &err), &err);
    pab_spec_destroy(spec);
    expect_ok(pab_inputs_init(&bench.inputs, INPUTS, &err), &err);
    for (int i = 0; workload->params[i].name != NULL; i++) {
        bench.params[i] = workload->params[i].value;
    }
    bench.run = (struct pab_run){
        .heap = &bench.heap, .inputs = &bench.inputs, .seed = SEED, .params = bench.params};
    expect_ok(workload->setup(&bench.run, &err), &err);
    pab_replacements_draw(&bench.by_hand.replacements, (uint32_t)bench.params[0], bench.params[1],
                          SEED, &bench.inputs);
    bench.by_hand.slots =
        pab_inputs_take(&bench.inputs, bench.params[0] * sizeof(*bench.by_hand.slots));
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const char *what, double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare_doubles);
    printf("%-12s %8.2f   %8.2f .. %.2f\n", what, values[count / 2], values[count / 4],
           values[count * 3 / 4]);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 400;
    if (argc > 2 || rounds < 4 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: floor [ROUNDS]   4 to %d rounds, 400 if not said\n", ROUNDS_MAX);
        return 2;
    }
    const struct pab_workload *workload = pab_workload_find("raw_random");
    PAB_CHECK(workload != NULL);
    set_up(workload);
    (void)time_by_hand();
    (void)time_harness(workload);
    for (long i = 0; i < rounds; i++) {
        if (i % 2 == 0) {
            bench.by_hand_ns[i] = time_by_hand();
            bench.harness_ns[i] = time_harness(workload);
        } else {
            bench.harness_ns[i] = time_harness(workload);
            bench.by_hand_ns[i] = time_by_hand();
        }
        bench.difference_ns[i] = bench.harness_ns[i] - bench.by_hand_ns[i];
    }
    printf("ns per malloc or free on null, %ld rounds of %llu operations\n", rounds,
           (unsigned long long)bench.run.op_count);
    printf("%-12s %8s   %s\n", "", "median", "quartiles");
    print_row("by hand", bench.by_hand_ns, (int)rounds);
    print_row("harness", bench.harness_ns, (int)rounds);
    print_row("difference", bench.difference_ns, (int)rounds);
    return 0;
}
