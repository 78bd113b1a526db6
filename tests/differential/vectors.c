/* tests/differential/vectors.c -- the suite of vectors.h, and what its vectors share. */
#include "tests/differential/vectors.h"

#include "tests/differential/compare.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_MAX = 512, NUMBERED_MAX = 256 };

static const struct vector *const tables[] = {vectors_cycles, vectors_orders, vectors_triggers,
                                              vectors_weakrefs};

static struct {
    struct trace *trace;
    const struct vector *vector;
    int64_t log[LOG_MAX];
    size_t log_count;
    struct pab_object *numbered[NUMBERED_MAX]; /* not owned; alive where a list is looked at */
    int64_t numbers[NUMBERED_MAX];
    size_t numbered_count;
} vectors;

/* --- expectations --------------------------------------------------------------------------- */

void expect(const char *what, int64_t actual, int64_t expected)
{
    trace_note(vectors.trace, what, actual);
    if (actual != expected) {
        printf("gc_vectors: %s, %s: %s is %lld, not %lld\n", vectors.vector->name, side_name(),
               what, (long long)actual, (long long)expected);
        exit(COMPARE_DIFFERENT);
    }
}

void write_log(int64_t number)
{
    PAB_CHECK(vectors.log_count < LOG_MAX);
    vectors.log[vectors.log_count++] = number;
}

void expect_log_of(const char *what, const int64_t *expected, size_t count)
{
    size_t written = vectors.log_count;
    vectors.log_count = 0;
    for (size_t i = 0; i < written && i < count; i++) {
        expect(what, vectors.log[i], expected[i]);
    }
    expect("the length of the log", (int64_t)written, (int64_t)count);
}

static void log_numbered(void *arg, struct pab_object *object)
{
    (void)arg;
    for (size_t i = 0; i < vectors.numbered_count; i++) {
        if (vectors.numbered[i] == object) {
            write_log(vectors.numbers[i]);
        }
    }
}

void expect_list_of(int generation, const int64_t *expected, size_t count)
{
    EXPECT_NO_LOG();
    pab_py_gc_visit(generation, log_numbered, NULL);
    expect_log_of("the list", expected, count);
}

/* --- objects -------------------------------------------------------------------------------- */

void drop(struct pab_object **place)
{
    struct pab_object *object = *place;
    *place = NULL;
    pab_decref(object);
}

static struct pab_object *interned(const char *text)
{
    struct pab_object *str = pab_must(pab_unicode_from_ascii(text, (pab_ssize)strlen(text)));
    pab_must_do(pab_unicode_intern_in_place(&str));
    return str;
}

void set_attribute(struct pab_object *object, const char *name, struct pab_object *value)
{
    struct pab_object *str = interned(name);
    pab_must_do(pab_object_set_attr(object, str, value));
    pab_decref(str);
}

struct pab_object *new_list_of(struct pab_object *item)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    if (item != NULL) {
        pab_must_do(pab_list_append(list, item));
    }
    return list;
}

struct pab_object *new_numbered(struct pab_object *class_object, int64_t number)
{
    PAB_CHECK(vectors.numbered_count < NUMBERED_MAX);
    struct pab_object *self = pab_must(pab_instance_new(class_object));
    struct pab_object *value = pab_must(pab_long_from_int64(number));
    set_attribute(self, "number", value);
    pab_decref(value);
    vectors.numbered[vectors.numbered_count] = self;
    vectors.numbers[vectors.numbered_count++] = number;
    return self;
}

int64_t number_of(struct pab_object *numbered)
{
    struct pab_object *name = interned("number");
    struct pab_object *value = pab_object_get_attr(numbered, name);
    int64_t number = value == NULL ? -1 : pab_long_as_int64(value);
    pab_xdecref(value);
    pab_decref(name);
    return number;
}

void note_death(struct pab_object *self)
{
    write_log(number_of(self));
}

struct pab_object *new_mortal_class(void)
{
    return pab_must(pab_class_new("Mortal", NULL, note_death));
}

/* --- the suite ------------------------------------------------------------------------------ */

static const struct vector *vector_at(size_t index)
{
    for (size_t t = 0; t < ARRAY_COUNT(tables); t++) {
        for (const struct vector *vector = tables[t]; vector->name != NULL; vector++) {
            if (index-- == 0) {
                return vector;
            }
        }
    }
    return NULL;
}

/* One step for each vector. */
static size_t vectors_list(uint64_t seed, struct step *steps)
{
    (void)seed;
    size_t count = 0;
    while (vector_at(count) != NULL) {
        steps[count] = (struct step){.op = (uint32_t)count};
        count++;
    }
    return count;
}

static void vectors_describe(const struct step *step, char *out, size_t size)
{
    snprintf(out, size, "%s", vector_at(step->op)->name);
}

/* Automatic collection is off unless a vector turns it on. */
static void vectors_run(const struct step *steps, size_t count, struct trace *trace, void *storage)
{
    vectors.trace = trace;
    for (size_t i = 0; i < count; i++) {
        vectors.vector = vector_at(steps[i].op);
        vectors.numbered_count = 0;
        pab_py_start(&trace->heap, storage);
        pab_py_gc_enable(false);
        vectors.vector->run();
        EXPECT_NO_LOG();
        pab_py_stop();
    }
}

const struct suite differential_suite = {
    .name = "vectors",
    .generate = vectors_list,
    .run = vectors_run,
    .describe = vectors_describe,
};
