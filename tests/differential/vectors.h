/* tests/differential/vectors.h -- small graphs whose collection has a known outcome.
 * Internal to vectors*.c, which are compiled for both runtimes. Depends on side.h, pyobj.h.
 *
 * A vector builds a graph, collects, and states what happened in figures. The same figures are
 * asserted on our runtime and on CPython's, so neither can be wrong alone.
 */
#ifndef PAB_TESTS_DIFFERENTIAL_VECTORS_H
#define PAB_TESTS_DIFFERENTIAL_VECTORS_H

#include "tests/differential/side.h"
#include "workloads/pyobj/pyobj.h"

struct vector {
    const char *name;
    void (*run)(void);
};

/* Each ends with a name of NULL. */
extern const struct vector vectors_cycles[];   /* vectors_cycles.c: finalizers, resurrection */
extern const struct vector vectors_orders[];   /* vectors_orders.c: release, lists, tracking */
extern const struct vector vectors_triggers[]; /* vectors_triggers.c: counts, thresholds */
extern const struct vector vectors_weakrefs[]; /* vectors_weakrefs.c */

/* Ends the program with a message if the two are not equal. */
void expect(const char *what, int64_t actual, int64_t expected);

/* What finalizers and callbacks wrote since the last one; it is forgotten then. */
void expect_log_of(const char *what, const int64_t *expected, size_t count);
#define EXPECT_LOG(...)                                                                            \
    expect_log_of("the order", (const int64_t[]){__VA_ARGS__},                                     \
                  sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define EXPECT_NO_LOG() expect_log_of("the order", NULL, 0)
void write_log(int64_t number);

/* Empties the place first. */
void drop(struct pab_object **place);
void set_attribute(struct pab_object *object, const char *name, struct pab_object *value);
struct pab_object *new_list_of(struct pab_object *item); /* or NULL: empty */

/* An instance of `class_object` with a number, which note_death() writes. */
struct pab_object *new_numbered(struct pab_object *class_object, int64_t number);
int64_t number_of(struct pab_object *numbered); /* -1: it was cleared, nobody should see it */
/* __del__ */
void note_death(struct pab_object *self);
/* Instances write their number when they die. */
struct pab_object *new_mortal_class(void);

/* Numbers of the numbered objects in a generation's list, in order; other objects are left out.
 * `class_object` tells which are. */
void expect_list_of(int generation, const int64_t *expected, size_t count);
#define EXPECT_LIST(generation, ...)                                                               \
    expect_list_of(generation, (const int64_t[]){__VA_ARGS__},                                     \
                   sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

#endif
