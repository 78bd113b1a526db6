/* workloads/pyobj/function.c -- functions written in C (Objects/methodobject.c@v3.11). */
#include "workloads/pyobj/runtime.h"

/* There is no clear(): a cycle through functions alone cannot be broken. */
static int function_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct pab_function *function = (struct pab_function *)self;
    return function->self == NULL ? 0 : visit(function->self, arg);
}

static void function_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_function *function = (struct pab_function *)self;
    pab_gc_untrack(self);
    if (!pab_trash_begin(py, self)) {
        return;
    }
    if (function->weak_references != NULL) {
        pab_weakrefs_clear(self);
    }
    pab_xdecref(function->self);
    pab_object_dead(py);
    pab_gc_free(&py->gc, self, 0);
    pab_trash_end(py);
}

const struct pab_type pab_function_type = {
    .name = "builtin_function_or_method",
    .flags = PAB_TYPE_GC,
    .weaklist_offset = offsetof(struct pab_function, weak_references),
    .dealloc = function_dealloc,
    .traverse = function_traverse,
};

struct pab_object *pab_function_new(pab_callback function, struct pab_object *self)
{
    struct pab_py *py = pab_py();
    assert(function != NULL);
    struct pab_function *made = pab_gc_malloc(&py->gc, 0, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    *made = (struct pab_function){.function = function, .self = self};
    pab_object_born(py, &made->base, &pab_function_type);
    if (self != NULL) {
        pab_incref(self);
    }
    pab_gc_track(&py->gc, made);
    return &made->base;
}

struct pab_object *pab_function_call(struct pab_object *function, struct pab_object *argument)
{
    assert(function->type == &pab_function_type);
    struct pab_function *callee = (struct pab_function *)function;
    return callee->function(callee->self, argument);
}
