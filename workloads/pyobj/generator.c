/* workloads/pyobj/generator.c -- a generator over a list or another generator, and the iterator of
 * a list (Objects/genobject.c, Objects/listobject.c, Include/internal/pycore_frame.h @v3.11).
 *
 * The frame lies within the generator: 72 bytes of its own, three locals, four places of stack.
 */
#include "workloads/pyobj/runtime.h"

/* --- iter(list) ---------------------------------------------------------------------------- */

struct list_iterator {
    struct pab_object base;
    pab_ssize next;
    struct pab_object *list; /* NULL: at its end */
};
static_assert(sizeof(struct list_iterator) == 32, "_PyListIterObject");

static int list_iterator_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct list_iterator *iterator = (struct list_iterator *)self;
    return iterator->list == NULL ? 0 : visit(iterator->list, arg);
}

static void list_iterator_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    pab_gc_untrack(self);
    pab_xdecref(((struct list_iterator *)self)->list);
    pab_object_dead(py);
    pab_gc_free(&py->gc, self, 0);
}

static const struct pab_type list_iterator_type = {
    .name = "list_iterator",
    .flags = PAB_TYPE_GC,
    .dealloc = list_iterator_dealloc,
    .traverse = list_iterator_traverse,
};

static struct pab_object *list_iterator_new(struct pab_object *list)
{
    struct pab_py *py = pab_py();
    struct list_iterator *iterator = pab_gc_malloc(&py->gc, 0, sizeof(*iterator));
    if (iterator == NULL) {
        return NULL;
    }
    pab_object_born(py, &iterator->base, &list_iterator_type);
    iterator->next = 0;
    iterator->list = pab_new_ref(list);
    pab_gc_track(&py->gc, iterator);
    return &iterator->base;
}

/* A new reference, or NULL at the end, where it lets go of the list. */
static struct pab_object *list_iterator_next(struct list_iterator *iterator)
{
    struct pab_object *list = iterator->list;
    if (list != NULL && iterator->next < pab_list_size(list)) {
        return pab_new_ref(pab_list_get_item(list, iterator->next++));
    }
    iterator->list = NULL;
    pab_xdecref(list);
    return NULL;
}

/* --- the generator ------------------------------------------------------------------------- */

enum place { FUNCTION, ITEMS, ITEM, ITERATOR, PLACES_USED, PLACES = 7 };

struct generator {
    struct pab_object base;
    uint64_t head[8];  /* code, names, state of exceptions: kept for the size */
    uint64_t frame[9]; /* the frame without what follows: kept for the size */
    struct pab_object *places[PLACES];
};
static_assert(sizeof(struct generator) == 208, "PyGenObject with a frame of 7 places");

static int generator_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct generator *generator = (struct generator *)self;
    for (int i = 0; i < PLACES_USED; i++) {
        int stop = generator->places[i] == NULL ? 0 : visit(generator->places[i], arg);
        if (stop != 0) {
            return stop;
        }
    }
    return 0;
}

/* What becomes of a frame that returns: its locals go in their order. */
static void clear_frame(struct generator *generator)
{
    for (int i = 0; i < PLACES_USED; i++) {
        struct pab_object *old = generator->places[i];
        generator->places[i] = NULL;
        pab_xdecref(old);
    }
}

static void generator_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    pab_gc_untrack(self);
    clear_frame((struct generator *)self);
    pab_object_dead(py);
    pab_gc_free(&py->gc, self, 0);
}

static const struct pab_type generator_type = {
    .name = "generator",
    .flags = PAB_TYPE_GC,
    .dealloc = generator_dealloc,
    .traverse = generator_traverse,
};

struct pab_object *pab_generator_new(struct pab_object *function, struct pab_object *items)
{
    struct pab_py *py = pab_py();
    assert(function->type == &pab_function_type);
    assert(items->type == &pab_list_type || items->type == &generator_type);
    struct generator *generator = pab_gc_malloc(&py->gc, 0, sizeof(*generator));
    if (generator == NULL) {
        return NULL;
    }
    *generator = (struct generator){.places = {pab_new_ref(function), pab_new_ref(items)}};
    pab_object_born(py, &generator->base, &generator_type);
    pab_gc_track(&py->gc, generator);
    return &generator->base;
}

/* A generator is its own iterator. */
struct pab_object *pab_object_iter(struct pab_object *items)
{
    return items->type == &generator_type ? pab_new_ref(items) : list_iterator_new(items);
}

/* for item in items: the next item is in its place, or the loop is over. */
static int advance(struct generator *generator)
{
    struct pab_object **places = generator->places;
    if (places[ITERATOR] == NULL) {
        places[ITERATOR] = pab_object_iter(places[ITEMS]);
        if (places[ITERATOR] == NULL) {
            return -1;
        }
    }
    struct pab_object *item;
    int status = pab_iterator_next(places[ITERATOR], &item);
    struct pab_object *old = status == 1 ? places[ITEM] : places[ITERATOR];
    places[status == 1 ? ITEM : ITERATOR] = status == 1 ? item : NULL;
    pab_xdecref(old);
    return status;
}

static int generator_next(struct generator *generator, struct pab_object **value)
{
    if (generator->places[FUNCTION] == NULL) {
        return 0;
    }
    int status = advance(generator);
    if (status == 1) {
        *value = pab_function_call(generator->places[FUNCTION], generator->places[ITEM]);
        if (*value != NULL) {
            return 1;
        }
        status = -1;
    }
    clear_frame(generator);
    return status;
}

int pab_iterator_next(struct pab_object *iterator, struct pab_object **value)
{
    if (iterator->type == &generator_type) {
        return generator_next((struct generator *)iterator, value);
    }
    assert(iterator->type == &list_iterator_type);
    *value = list_iterator_next((struct list_iterator *)iterator);
    return *value != NULL;
}
