/* workloads/pyobj/bytes.c -- bytes (Objects/bytesobject.c@v3.11). */
#include "workloads/pyobj/runtime.h"

#include <string.h>

static inline struct pab_bytes *as_bytes(struct pab_object *object)
{
    assert(object->type == &pab_bytes_type);
    return (struct pab_bytes *)object;
}

static void bytes_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    pab_object_dead(py);
    pab_obj_free(py, self);
}

const struct pab_type pab_bytes_type = {.name = "bytes", .dealloc = bytes_dealloc};

/* The closing NUL is part of what is asked for. */
static size_t block_bytes(pab_ssize size)
{
    return sizeof(struct pab_bytes) + (size_t)size + 1;
}

struct pab_object *pab_bytes_from_string(const char *data, pab_ssize size)
{
    struct pab_py *py = pab_py();
    assert(size >= 0);
    if (size == 0) {
        return pab_new_ref((struct pab_object *)(void *)py->statics.empty_bytes);
    }
    if (size == 1 && data != NULL) {
        return pab_new_ref((struct pab_object *)(void *)py->statics.bytes[(unsigned char)*data]);
    }
    struct pab_bytes *bytes = pab_obj_malloc(py, block_bytes(size));
    if (bytes == NULL) {
        return NULL;
    }
    pab_object_born(py, &bytes->base, &pab_bytes_type);
    bytes->size = size;
    bytes->hash = -1;
    if (data != NULL) {
        memcpy(bytes->data, data, (size_t)size);
    }
    bytes->data[size] = 0;
    return &bytes->base;
}

int pab_bytes_resize(struct pab_object **place, pab_ssize size)
{
    struct pab_bytes *bytes = as_bytes(*place);
    assert(bytes->base.refcnt == 1 && size > 0);
    if (bytes->size == size) {
        return 0;
    }
    struct pab_bytes *resized = pab_obj_realloc(pab_py(), bytes, block_bytes(size));
    *place = (struct pab_object *)resized;
    if (resized == NULL) {
        pab_decref(&bytes->base);
        return -1;
    }
    resized->size = size;
    resized->data[size] = 0;
    return 0;
}

pab_ssize pab_bytes_size(struct pab_object *bytes)
{
    return as_bytes(bytes)->size;
}

char *pab_bytes_as_string(struct pab_object *bytes)
{
    return as_bytes(bytes)->data;
}

struct pab_object *pab_bytes_concat(struct pab_object *a, struct pab_object *b)
{
    struct pab_bytes *left = as_bytes(a);
    struct pab_bytes *right = as_bytes(b);
    pab_ssize size;
    if (left->size == 0) {
        return pab_new_ref(b);
    }
    if (right->size == 0) {
        return pab_new_ref(a);
    }
    if (__builtin_add_overflow(left->size, right->size, &size)) {
        return NULL;
    }
    struct pab_object *result = pab_bytes_from_string(NULL, size);
    if (result != NULL) {
        memcpy(as_bytes(result)->data, left->data, (size_t)left->size);
        memcpy(as_bytes(result)->data + left->size, right->data, (size_t)right->size);
    }
    return result;
}
