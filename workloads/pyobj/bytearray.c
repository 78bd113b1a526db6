/* workloads/pyobj/bytearray.c -- bytearray: an object and a buffer of the obj domain, and the
 * buffer's growth rule (Objects/bytearrayobject.c@v3.11). */
#include "workloads/pyobj/runtime.h"

#include <string.h>

static char empty_text[1]; /* what an array without a buffer shows: nobody writes to it */

static inline struct pab_bytearray *as_bytearray(struct pab_object *object)
{
    assert(object->type == &pab_bytearray_type);
    return (struct pab_bytearray *)object;
}

static void bytearray_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_bytearray *array = (struct pab_bytearray *)self;
    if (array->bytes != NULL) {
        pab_obj_free(py, array->bytes);
    }
    pab_object_dead(py);
    pab_obj_free(py, self);
}

const struct pab_type pab_bytearray_type = {.name = "bytearray", .dealloc = bytearray_dealloc};

struct pab_object *pab_bytearray_from_string(const char *data, pab_ssize size)
{
    struct pab_py *py = pab_py();
    assert(size >= 0);
    struct pab_bytearray *array = pab_obj_malloc(py, sizeof(*array));
    if (array == NULL) {
        return NULL;
    }
    pab_object_born(py, &array->base, &pab_bytearray_type);
    *array = (struct pab_bytearray){.base = array->base};
    if (size == 0) {
        return &array->base;
    }
    array->bytes = pab_obj_malloc(py, (size_t)size + 1);
    if (array->bytes == NULL) {
        pab_decref(&array->base);
        return NULL;
    }
    if (data != NULL) {
        memcpy(array->bytes, data, (size_t)size);
    }
    array->bytes[size] = 0;
    array->start = array->bytes;
    array->size = size;
    array->allocated = size + 1;
    return &array->base;
}

pab_ssize pab_bytearray_size(struct pab_object *bytearray)
{
    return as_bytearray(bytearray)->size;
}

char *pab_bytearray_as_string(struct pab_object *bytearray)
{
    return as_bytearray(bytearray)->size == 0 ? empty_text : as_bytearray(bytearray)->start;
}

/* What the buffer of `allocated` bytes becomes for `size` and a NUL: exact after a long step, an
 * eighth more after a short one, kept while at least half of it is in use. */
static pab_ssize next_allocated(pab_ssize allocated, pab_ssize size)
{
    if (size + 1 <= allocated) {
        return size < allocated / 2 ? size + 1 : allocated;
    }
    bool short_step = (double)size <= (double)allocated * 1.125;
    return short_step ? size + (size >> 3) + (size < 9 ? 3 : 6) : size + 1;
}

int pab_bytearray_resize(struct pab_object *object, pab_ssize size)
{
    struct pab_bytearray *array = as_bytearray(object);
    assert(size >= 0 && array->start == array->bytes);
    if (size == array->size) {
        return 0;
    }
    if (size > PTRDIFF_MAX / 2) {
        return -1;
    }
    pab_ssize allocated = next_allocated(array->allocated, size);
    if (allocated != array->allocated) {
        char *bytes = pab_obj_realloc(pab_py(), array->bytes, (size_t)allocated);
        if (bytes == NULL) {
            return -1;
        }
        array->bytes = bytes;
        array->start = bytes;
        array->allocated = allocated;
    }
    array->size = size;
    array->bytes[size] = 0;
    return 0;
}

int pab_bytearray_append(struct pab_object *object, uint8_t byte)
{
    pab_ssize size = as_bytearray(object)->size;
    if (pab_bytearray_resize(object, size + 1) != 0) {
        return -1;
    }
    as_bytearray(object)->start[size] = (char)byte;
    return 0;
}

/* The content of a bytes or bytearray. */
static const char *content_of(struct pab_object *object, pab_ssize *size)
{
    if (object->type == &pab_bytes_type) {
        *size = pab_bytes_size(object);
        return pab_bytes_as_string(object);
    }
    *size = as_bytearray(object)->size;
    return pab_bytearray_as_string(object);
}

int pab_bytearray_extend(struct pab_object *object, struct pab_object *more)
{
    assert(object != more); /* BufferError in Python */
    pab_ssize size = as_bytearray(object)->size;
    pab_ssize added;
    pab_ssize sum;
    const char *content = content_of(more, &added);
    if (__builtin_add_overflow(size, added, &sum) || pab_bytearray_resize(object, sum) != 0) {
        return -1;
    }
    if (added > 0) {
        memcpy(as_bytearray(object)->start + size, content, (size_t)added);
    }
    return 0;
}

struct pab_object *pab_bytearray_concat(struct pab_object *a, struct pab_object *b)
{
    pab_ssize left;
    pab_ssize right;
    pab_ssize size;
    const char *start = content_of(a, &left);
    const char *end = content_of(b, &right);
    if (__builtin_add_overflow(left, right, &size)) {
        return NULL;
    }
    struct pab_object *sum = pab_bytearray_from_string(NULL, size);
    if (sum != NULL && size > 0) {
        memcpy(pab_bytearray_as_string(sum), start, (size_t)left);
        memcpy(pab_bytearray_as_string(sum) + left, end, (size_t)right);
    }
    return sum;
}
