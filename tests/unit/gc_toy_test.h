/* tests/unit/gc_toy_test.h -- assertions about the collector that its test programs share.
 * Depends on gc_toy.h and cmocka.
 */
#ifndef PAB_TESTS_UNIT_GC_TOY_TEST_H
#define PAB_TESTS_UNIT_GC_TOY_TEST_H

#include "tests/unit/gc_toy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static inline void assert_whole(void)
{
    struct pab_error err;
    if (pab_gc_check(&toy.gc, &err) != PAB_OK) {
        fail_msg("%s", err.text);
    }
}

static inline void assert_log(const struct toy_log *log, const int *ids, size_t count)
{
    assert_int_equal(log->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(log->ids[i], ids[i]);
    }
}

static inline struct toy_node *toy_after(const struct pab_gc_head *head)
{
    return (struct toy_node *)(head->next + sizeof(*head)); /* NOLINT(performance-no-int-to-ptr) */
}

/* The ids in a generation's list, in order; `generation` 3 is the permanent one. */
static inline void assert_list(int generation, const int *ids, size_t count)
{
    assert_whole();
    const struct pab_gc_head *list =
        generation < PAB_GC_GENERATIONS ? &toy.gc.generations[generation].head : &toy.gc.permanent;
    const struct pab_gc_head *head = list;
    for (size_t i = 0; i < count; i++) {
        const struct toy_node *node = toy_after(head);
        head = pab_gc_head_of(node);
        assert_ptr_not_equal(head, list); /* the list is shorter than expected */
        assert_int_equal(node->id, ids[i]);
    }
    assert_ptr_equal(pab_gc_head_of(toy_after(head)), list); /* and no longer */
}

#define IDS(...) ((const int[]){__VA_ARGS__}), ARRAY_COUNT(((const int[]){__VA_ARGS__}))
#define NO_IDS   NULL, 0

static inline void set_thresholds(int young, int middle, int old)
{
    toy.gc.generations[0].threshold = young;
    toy.gc.generations[1].threshold = middle;
    toy.gc.generations[2].threshold = old;
}

static inline void assert_counts(int young, int middle, int old)
{
    assert_int_equal(toy.gc.generations[0].count, young);
    assert_int_equal(toy.gc.generations[1].count, middle);
    assert_int_equal(toy.gc.generations[2].count, old);
}

/* Makes nodes 0..count-1 of `type`, each referring to the next one, the last to the first. */
static inline void make_ring(struct toy_node **nodes, const struct pab_type *type, int count)
{
    for (int i = 0; i < count; i++) {
        nodes[i] = toy_new(type, i);
        assert_non_null(nodes[i]);
    }
    for (int i = 0; i < count; i++) {
        toy_set(nodes[i], 0, nodes[(i + 1) % count]);
    }
}

static inline void drop(struct toy_node **nodes, int count)
{
    for (int i = 0; i < count; i++) {
        toy_decref(nodes[i]);
    }
}

/* Frees nodes that hold each other by their first reference, without recursion. */
static inline void free_chain(struct toy_node *chain)
{
    while (chain != NULL) {
        struct toy_node *rest = chain->refs[0];
        chain->refs[0] = NULL;
        toy.freed.count = 0;
        toy_decref(chain);
        chain = rest;
    }
    assert_int_equal(toy.blocks, 0);
}

#endif
