/* tests/unit/gc_toy_test.h -- assertions about the collector that its test programs share.
 * Depends on the toys of
 * tests/conformance/collector and cmocka.
 */
#ifndef PAB_TESTS_UNIT_GC_TOY_TEST_H
#define PAB_TESTS_UNIT_GC_TOY_TEST_H

#include "tests/conformance/collector/toy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static inline void assert_whole(void)
{
    struct pab_error err;
    if (pab_gc_check(&pab_toys.gc, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
}

static inline void assert_log(const struct pab_toy_log *log, const int *ids, size_t count)
{
    assert_int_equal(log->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(log->ids[i], ids[i]);
    }
}

/* The ids in a generation's list, in order; `generation` 3 is the permanent one. */
static inline void assert_list(int generation, const int *ids, size_t count)
{
    assert_whole();
    const struct pab_gc_head *list = generation < PAB_GC_GENERATIONS
                                         ? &pab_toys.gc.generations[generation].head
                                         : &pab_toys.gc.permanent;
    const struct pab_gc_head *head = list;
    for (size_t i = 0; i < count; i++) {
        const struct pab_toy *node = pab_toy_after(head);
        head = pab_gc_head_of(node);
        assert_ptr_not_equal(head, list); /* the list is shorter than expected */
        assert_int_equal(node->id, ids[i]);
    }
    assert_ptr_equal(pab_gc_head_of(pab_toy_after(head)), list); /* and no longer */
}

#define IDS(...) ((const int[]){__VA_ARGS__}), ARRAY_COUNT(((const int[]){__VA_ARGS__}))
#define NO_IDS   NULL, 0

static inline void assert_counts(int young, int middle, int old)
{
    assert_int_equal(pab_toys.gc.generations[0].count, young);
    assert_int_equal(pab_toys.gc.generations[1].count, middle);
    assert_int_equal(pab_toys.gc.generations[2].count, old);
}

/* Frees nodes that hold each other by their first reference, and nothing may be left. */
static inline void free_chain(struct pab_toy *chain)
{
    pab_toy_free_chain(chain);
    assert_int_equal(pab_toys.blocks, 0);
}

#endif
