/* workloads/pyobj/float.c -- float, with its free list (Objects/floatobject.c@v3.11). */
#include "workloads/pyobj/runtime.h"

/* Parked floats are linked through the type field, as in CPython. */
static void float_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_free_lists *lists = &py->free_lists;
    pab_object_dead(py);
    if (lists->float_count >= PAB_FLOAT_CACHE || lists->off) {
        pab_obj_free(py, self);
        return;
    }
    lists->float_count++;
    self->type = (const struct pab_type *)(void *)lists->floats;
    lists->floats = (struct pab_float *)self;
}

const struct pab_type pab_float_type = {.name = "float", .dealloc = float_dealloc};

struct pab_object *pab_float_from_double(double value)
{
    struct pab_py *py = pab_py();
    struct pab_free_lists *lists = &py->free_lists;
    struct pab_float *number = lists->floats;
    if (number != NULL) {
        lists->float_count--;
        lists->floats = (struct pab_float *)(void *)(uintptr_t)number->base.type;
    } else {
        number = pab_obj_malloc(py, sizeof(*number));
        if (number == NULL) {
            return NULL;
        }
    }
    pab_object_born(py, &number->base, &pab_float_type);
    number->value = value;
    return &number->base;
}

double pab_float_as_double(struct pab_object *object)
{
    assert(object->type == &pab_float_type);
    return ((struct pab_float *)object)->value;
}
