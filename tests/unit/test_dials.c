/* The dials: what slow=N and leak=N pass on, call by call, over tables that write down what reaches
 * them; where they stand in an opened heap; and that steps are made, in instructions that the
 * processor is made to do one by one. */
#include "allocators/decorate/debug.h"
#include "allocators/decorate/leaky.h"
#include "allocators/decorate/slow.h"
#include "allocators/spec.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE 1000u /* pymalloc asks the heap below for it */

/* What reached the tables below; a block is never touched, so any address will do. */
struct call {
    char kind; /* m, c, r, f */
    uint64_t count, size;
    void *ptr;
};

static struct {
    struct call last;
    size_t frees;
    char blocks[8];
} seen;

static void *note(void *ctx, struct call call)
{
    assert_ptr_equal(ctx, &seen);
    seen.last = call;
    return &seen.blocks[call.size % sizeof(seen.blocks)];
}

static void *noting_malloc(void *ctx, size_t size)
{
    return note(ctx, (struct call){'m', 0, size, NULL});
}

static void *noting_calloc(void *ctx, size_t count, size_t size)
{
    return note(ctx, (struct call){'c', count, size, NULL});
}

static void *noting_realloc(void *ctx, void *ptr, size_t size)
{
    return note(ctx, (struct call){'r', 0, size, ptr});
}

static void noting_free(void *ctx, void *ptr)
{
    note(ctx, (struct call){'f', 0, 0, ptr});
    seen.frees++;
}

static size_t noting_usable_size(void *ctx, const void *ptr)
{
    assert_ptr_equal(ctx, &seen);
    return (size_t)((const char *)ptr - seen.blocks);
}

static struct pab_heap noting_heap(bool knows_usable)
{
    struct pab_heap heap = {.state = NULL};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        heap.domain[i] = (struct pab_alloc){
            .ctx = &seen,
            .malloc = noting_malloc,
            .calloc = noting_calloc,
            .realloc = noting_realloc,
            .free = noting_free,
            .usable_size = knows_usable ? noting_usable_size : NULL,
        };
    }
    memset(&seen, 0, sizeof(seen));
    return heap;
}

static void expect_last(char kind, uint64_t count, uint64_t size, const void *ptr)
{
    assert_int_equal(seen.last.kind, kind);
    assert_int_equal(seen.last.count, count);
    assert_int_equal(seen.last.size, size);
    assert_ptr_equal(seen.last.ptr, ptr);
    memset(&seen.last, 0, sizeof(seen.last));
}

/* Every call of every domain, with the edges of its arguments. */
static void expect_passed_on(const struct pab_heap *heap)
{
    static const size_t sizes[] = {0, 1, 2, 513, (size_t)1 << 40, PTRDIFF_MAX};
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        const struct pab_alloc *table = &heap->domain[i];
        for (size_t k = 0; k < ARRAY_COUNT(sizes); k++) {
            char *answer = &seen.blocks[sizes[k] % sizeof(seen.blocks)];
            assert_ptr_equal(table->malloc(table->ctx, sizes[k]), answer);
            expect_last('m', 0, sizes[k], NULL);
            assert_ptr_equal(table->calloc(table->ctx, 3, sizes[k]), answer);
            expect_last('c', 3, sizes[k], NULL);
            assert_ptr_equal(table->realloc(table->ctx, &seen.blocks[5], sizes[k]), answer);
            expect_last('r', 0, sizes[k], &seen.blocks[5]);
            assert_ptr_equal(table->realloc(table->ctx, NULL, sizes[k]), answer);
            expect_last('r', 0, sizes[k], NULL);
        }
        table->free(table->ctx, &seen.blocks[3]);
        expect_last('f', 0, 0, &seen.blocks[3]);
        table->free(table->ctx, NULL);
        expect_last('f', 0, 0, NULL);
        if (table->usable_size != NULL) {
            assert_int_equal(table->usable_size(table->ctx, &seen.blocks[6]), 6);
        }
    }
}

static void slow_passes_calls_on(void **state)
{
    (void)state;
    static const uint64_t steps[] = {0, 1, 2, 64, 1000};
    for (size_t i = 0; i < 2 * ARRAY_COUNT(steps); i++) {
        struct pab_heap heap = noting_heap(i % 2 != 0);
        struct pab_heap before = heap;
        struct pab_slow slow;
        pab_slow_attach(&slow, &heap, steps[i / 2]);
        assert_true(heap.domain[PAB_DOMAIN_OBJ].malloc != noting_malloc);
        assert_int_equal(heap.domain[PAB_DOMAIN_OBJ].usable_size == NULL, i % 2 == 0);
        expect_passed_on(&heap);
        pab_slow_detach(&slow);
        assert_memory_equal(&heap, &before, sizeof(heap));
    }
}

static void leaky_without_leak_passes_calls_on(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct pab_heap heap = noting_heap(i != 0);
        struct pab_heap before = heap;
        struct pab_leaky leaky;
        pab_leaky_attach(&leaky, &heap, 0);
        assert_true(heap.domain[PAB_DOMAIN_OBJ].free != noting_free);
        assert_int_equal(heap.domain[PAB_DOMAIN_OBJ].usable_size == NULL, i == 0);
        expect_passed_on(&heap);
        pab_leaky_detach(&leaky);
        assert_memory_equal(&heap, &before, sizeof(heap));
    }
}

/* 60 frees, 20 in each domain by turns: as many are lost as `every` goes into 60, the last of each
 * row of them. Those of NULL between are none. */
static void leaky_loses_one_of_so_many(void **state)
{
    (void)state;
    for (uint64_t every = 1; every <= 61; every++) {
        struct pab_heap heap = noting_heap(true);
        struct pab_leaky leaky;
        pab_leaky_attach(&leaky, &heap, every);
        size_t passed = 0;
        for (uint64_t i = 1; i <= 60; i++) {
            const struct pab_alloc *table = &heap.domain[i % PAB_DOMAIN_COUNT];
            table->free(table->ctx, NULL);
            expect_last('f', 0, 0, NULL);
            table->free(table->ctx, &seen.blocks[1]);
            passed += i % every != 0;
            assert_int_equal(seen.frees, i + passed);
            table->realloc(table->ctx, &seen.blocks[2], 7);
            expect_last('r', 0, 7, &seen.blocks[2]);
        }
        pab_leaky_detach(&leaky);
    }
}

/* --- instructions ----------------------------------------------------------------------------- */

enum { MALLOC, CALLOC, REALLOC, FREE, CALLS };

static void make_call(const struct pab_heap *heap, int call)
{
    const struct pab_alloc *table = &heap->domain[PAB_DOMAIN_MEM];
    switch (call) {
    case MALLOC:
        table->malloc(table->ctx, 24);
        break;
    case CALLOC:
        table->calloc(table->ctx, 2, 24);
        break;
    case REALLOC:
        table->realloc(table->ctx, &seen.blocks[1], 24);
        break;
    default:
        table->free(table->ctx, &seen.blocks[1]);
        break;
    }
}

/* Instructions of a child between two signals that it sends itself; 0: nobody may trace here. */
static uint64_t instructions_of(const struct pab_heap *heap, int call)
{
    pid_t child = fork();
    if (child == 0) {
        make_call(heap, call); /* so that every name is bound */
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
            raise(SIGSTOP);
            make_call(heap, call);
            raise(SIGSTOP);
        }
        _exit(0);
    }
    int status = 0;
    uint64_t count = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) {
        return 0;
    }
    do { /* each step ends with SIGTRAP; the second SIGSTOP ends the row */
        count++;
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
    } while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return count;
}

static uint64_t instructions_with(uint64_t steps, int call)
{
    struct pab_heap heap = noting_heap(true);
    struct pab_slow slow;
    pab_slow_attach(&slow, &heap, steps);
    uint64_t count = instructions_of(&heap, call);
    pab_slow_detach(&slow);
    return count;
}

/* A step takes an instruction or more, as many for each: so ten times as many steps take ten times
 * as many. 0 steps take next to nothing. */
static void steps_are_made(void **state)
{
    (void)state;
    static const uint64_t steps = 64;
    struct pab_heap heap = noting_heap(true);
    for (int call = 0; call < CALLS; call++) {
        uint64_t bare = instructions_of(&heap, call);
        if (bare == 0) {
            print_message("skipped: no child may be traced here\n");
            skip();
        }
        uint64_t none = instructions_with(0, call);
        uint64_t some = instructions_with(steps, call);
        uint64_t many = instructions_with(steps * 10, call);
        assert_in_range(none - bare, 1, 60);
        assert_in_range(some - none, steps, steps * 8);
        assert_in_range(many - none, (some - none) * 9, (some - none) * 11);
    }
}

/* --- in an opened heap ------------------------------------------------------------------------ */

static void open_heap(struct pab_heap *heap, const char *text)
{
    struct pab_spec *spec = NULL;
    struct pab_error err = {0};
    enum pab_status status = pab_spec_parse(text, &spec, &err);
    if (status == PAB_OK) {
        status = pab_heap_open(heap, spec, &err);
    }
    if (status != PAB_OK) {
        print_error("%s: %s\n", text, err.text);
    }
    PAB_CHECK(status == PAB_OK);
    pab_spec_destroy(spec);
}

static void *take(struct pab_heap *heap, size_t size)
{
    return heap->domain[PAB_DOMAIN_OBJ].malloc(heap->domain[PAB_DOMAIN_OBJ].ctx, size);
}

static void give(struct pab_heap *heap, void *block)
{
    heap->domain[PAB_DOMAIN_OBJ].free(heap->domain[PAB_DOMAIN_OBJ].ctx, block);
}

static void same_identity(void **state)
{
    (void)state;
    static const char *const specs[] = {"pymalloc:slow=0", "pymalloc:leak=1",
                                        "pymalloc:slow=50:leak=1:hooks=debug"};
    struct pab_heap heap = {.state = NULL};
    struct pab_identity plain;
    struct pab_error err = {0};
    open_heap(&heap, "pymalloc");
    assert_int_equal(pab_heap_identify(&heap, &plain, &err), PAB_OK);
    uint64_t blocks = heap.backend->counter(&heap);
    pab_heap_close(&heap);
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        struct pab_identity dialled;
        open_heap(&heap, specs[i]);
        assert_int_equal(pab_heap_identify(&heap, &dialled, &err), PAB_OK);
        assert_memory_equal(&plain, &dialled, sizeof(plain));
        assert_int_equal(heap.backend->counter(&heap), blocks); /* the proof has lost nothing */
        pab_heap_close(&heap);
    }
}

struct counted {
    uint64_t blocks, raw_blocks;
};

static void visit(void *arg, const char *name, uint64_t value)
{
    struct counted *counted = arg;
    if (strcmp(name, "blocks") == 0) {
        counted->blocks = value;
    } else if (strcmp(name, "raw_blocks") == 0) {
        counted->raw_blocks = value;
    }
}

static void expect_counted(struct pab_heap *heap, uint64_t in_pools, uint64_t raw)
{
    struct counted counted = {0};
    heap->backend->stats(heap, visit, &counted);
    assert_int_equal(counted.blocks - counted.raw_blocks, in_pools);
    assert_int_equal(counted.raw_blocks, raw);
}

/* A large block passes two tables on its way down, and a dial once: else every second free of the
 * program would lose one. */
static void callers_calls_pass_once(void **state)
{
    (void)state;
    struct pab_heap heap;
    void *blocks[8];
    open_heap(&heap, "pymalloc:leak=2");
    assert_non_null(heap.leaky);
    assert_null(heap.slow);
    assert_null(heap.raw->leaky);
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        blocks[i] = take(&heap, i < 4 ? LARGE : 40);
        assert_non_null(blocks[i]);
    }
    expect_counted(&heap, 4, 4);
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        give(&heap, blocks[i]);
    }
    expect_counted(&heap, 2, 2);
    for (size_t i = 1; i < 4; i += 2) { /* those that were lost */
        heap.bare[PAB_DOMAIN_OBJ].free(heap.bare[PAB_DOMAIN_OBJ].ctx, blocks[i]);
    }
    pab_heap_close(&heap);
}

/* Both at once, over debug hooks: bare blocks have no pads, and closing takes all off again. */
static void dials_stand_on_hooks(void **state)
{
    (void)state;
    struct pab_heap heap = {.state = NULL};
    open_heap(&heap, "system:hooks=debug:leak=1000:slow=3");
    assert_ptr_equal(heap.domain[PAB_DOMAIN_OBJ].ctx, &heap.slow->layers[PAB_DOMAIN_OBJ]);
    assert_ptr_equal(heap.slow->layers[PAB_DOMAIN_OBJ].inner.ctx,
                     &heap.leaky->layers[PAB_DOMAIN_OBJ]);
    assert_ptr_equal(heap.leaky->layers[PAB_DOMAIN_OBJ].inner.ctx,
                     &heap.hooks->layers[PAB_DOMAIN_OBJ]);
    assert_memory_equal(&heap.hooks->layers[PAB_DOMAIN_OBJ].inner, &heap.bare[PAB_DOMAIN_OBJ],
                        sizeof(struct pab_alloc));
    unsigned char *block = take(&heap, 40);
    assert_non_null(block);
    assert_int_equal(block[40], 0xfd);
    give(&heap, block);
    pab_heap_close(&heap);
    assert_null(heap.slow);
    assert_null(heap.leaky);
    assert_null(heap.hooks);
    assert_memory_equal(heap.domain, heap.bare, sizeof(heap.bare));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_passes_calls_on),
        cmocka_unit_test(leaky_without_leak_passes_calls_on),
        cmocka_unit_test(leaky_loses_one_of_so_many),
        cmocka_unit_test(steps_are_made),
        cmocka_unit_test(same_identity),
        cmocka_unit_test(callers_calls_pass_once),
        cmocka_unit_test(dials_stand_on_hooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
