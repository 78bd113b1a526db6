/* tests/differential/program_extensions.c -- generators, and types written in C. See program.h. */
#include "tests/differential/program.h"

#include "workloads/support/locals.h"

/* --- generators ----------------------------------------------------------------------------- */

/* What the innermost generator calls: it notes that it ran, and wraps what is too plain. */
static struct pab_object *mapped(struct pab_object *self, struct pab_object *item)
{
    trace_note(side_trace(), "item", self == NULL ? 0 : 1);
    return self == NULL ? pab_new_ref(item) : pab_tuple_pack(2, self, item);
}

/* A generator over a generator ... over a list; nobody else may hold the inner ones. */
static struct pab_object *new_generator(struct program *p)
{
    struct pab_object *items = new_list(p, below(p, 40));
    for (uint32_t left = 1 + below(p, 3); left > 0; left--) {
        struct pab_object *self = below(p, 2) == 0 ? NULL : pick(p, SET);
        struct pab_object *function = pab_must(pab_function_new(mapped, self));
        struct pab_object *generator = pab_must(pab_generator_new(function, items));
        note(p, "tracked", pab_py_gc_is_tracked(generator));
        pab_decref(function);
        pab_decref(items);
        items = generator;
    }
    return items;
}

/* Appends up to `count` values to the list; false: the generator was at its end. */
static bool take(struct pab_object *generator, struct pab_object *list, uint32_t count)
{
    struct pab_object *value;
    for (; count > 0; count--) {
        int status = pab_iterator_next(generator, &value);
        PAB_CHECK(status >= 0);
        if (status == 0) {
            return false;
        }
        pab_list_push(list, value);
    }
    return true;
}

void finish_generator(struct program *p)
{
    if (p->suspended != NULL) {
        struct pab_object *list = pab_must(pab_list_new(0));
        take(p->suspended, list, UINT32_MAX);
        note(p, "values", pab_list_size(list));
        pab_decref(list);
        pab_unbind(&p->suspended);
    }
}

/* The one that other steps find suspended. */
static void generator_suspend(struct program *p)
{
    finish_generator(p);
    p->suspended = new_generator(p);
}

static void generator_take(struct program *p)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    if (p->suspended != NULL) {
        note(p, "more", take(p->suspended, list, below(p, 20)));
    }
    keep(p, LIST, list);
}

static void list_iterate(struct program *p)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    struct pab_object *iterator = pab_must(pab_object_iter(pick(p, LIST)));
    take(iterator, list, below(p, 20));
    pab_decref(iterator);
    keep(p, LIST, list);
}

static void generator_run(struct program *p)
{
    struct pab_object *made = new_generator(p);
    struct pab_object *generator = pab_must(pab_object_iter(made));
    pab_decref(made);
    struct pab_object *list = pab_must(pab_list_new(0));
    take(generator, list, UINT32_MAX);
    note(p, "more", take(generator, list, 1)); /* at its end for good */
    pab_decref(generator);
    keep(p, LIST, list);
}

/* --- types written in C --------------------------------------------------------------------- */

struct box {
    struct pab_object base;
    struct pab_object *held; /* or NULL */
    void *buffer;            /* of the mem domain, or NULL */
    void *note;              /* of the obj domain, or NULL */
};

static void box_drop(struct pab_object *self)
{
    struct box *box = (struct box *)self;
    pab_xdecref(box->held);
    pab_extension_mem_free(box->buffer);
    pab_extension_obj_free(box->note);
}

static void *pool_take(size_t size)
{
    return pab_extension_mem_malloc(2 * size);
}

static void pool_give(void *memory, size_t size)
{
    (void)size;
    pab_extension_mem_free(memory);
}

static const struct pab_extension boxes = {
    .name = "box",
    .size = sizeof(struct box),
    .drop = box_drop,
};

static const struct pab_extension pooled_boxes = {
    .name = "pooled_box",
    .size = sizeof(struct box),
    .drop = box_drop,
    .take = pool_take,
    .give = pool_give,
};

void make_extensions(struct program *p)
{
    p->boxes[0] = pab_extension_ready(&boxes);
    p->boxes[1] = pab_extension_ready(&pooled_boxes);
}

static void extension_fill(struct program *p)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    for (uint32_t left = below(p, 20); left > 0; left--) {
        struct pab_object *self = pab_must(pab_extension_new(p->boxes[below(p, 2)]));
        struct box *box = (struct box *)self;
        note(p, "zero", box->held == NULL && box->buffer == NULL && box->note == NULL);
        note(p, "tracked", pab_py_gc_is_tracked(self));
        box->held = below(p, 2) == 0 ? NULL : pab_new_ref(pick_any(p));
        if (below(p, 2) == 0) {
            box->buffer = pab_extension_mem_malloc(below(p, 1000));
            box->buffer = pab_extension_mem_realloc(box->buffer, below(p, 1000));
            box->note = pab_extension_obj_malloc(below(p, 1000));
        }
        pab_list_push(list, self);
    }
    pab_decref(list);
}

const struct operation extension_operations[] = {
    {"generator_suspend", generator_suspend, 2}, {"generator_take", generator_take, 4},
    {"generator_run", generator_run, 3},         {"list_iterate", list_iterate, 2},
    {"extension_fill", extension_fill, 3},       {0},
};
