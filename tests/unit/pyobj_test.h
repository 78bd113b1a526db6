/* tests/unit/pyobj_test.h -- a heap over libc that records what the object model asks for.
 * Depends on workloads/pyobj, cmocka. */
#ifndef PAB_TESTS_UNIT_PYOBJ_TEST_H
#define PAB_TESTS_UNIT_PYOBJ_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allocators/decorate/request.h"
#include "workloads/pyobj/pyobj.h"

#include <string.h>

struct request {
    enum pab_domain domain;
    enum pab_call call;
    size_t size;
};

enum { REQUESTS_MAX = 4096 };

struct fixture {
    struct pab_heap heap;
    struct layer {
        struct fixture *owner;
        enum pab_domain domain;
    } layers[PAB_DOMAIN_COUNT];
    int64_t live_blocks;
    size_t count; /* of requests since the last fixture_forget() */
    struct request requests[REQUESTS_MAX];
    void *storage;
};

static inline void record(struct layer *layer, enum pab_call call, size_t size)
{
    struct fixture *f = layer->owner;
    if (f->count < REQUESTS_MAX) {
        f->requests[f->count++] = (struct request){layer->domain, call, size};
    }
}

static inline void *record_malloc(void *ctx, size_t size)
{
    struct layer *layer = ctx;
    record(layer, PAB_CALL_MALLOC, size);
    layer->owner->live_blocks++;
    return malloc(size == 0 ? 1 : size);
}

static inline void *record_calloc(void *ctx, size_t count, size_t size)
{
    struct layer *layer = ctx;
    record(layer, PAB_CALL_CALLOC, count * size);
    layer->owner->live_blocks++;
    return calloc(count, size);
}

static inline void *record_realloc(void *ctx, void *ptr, size_t size)
{
    struct layer *layer = ctx;
    record(layer, PAB_CALL_REALLOC, size);
    layer->owner->live_blocks += ptr == NULL;
    return realloc(ptr, size == 0 ? 1 : size);
}

static inline void record_free(void *ctx, void *ptr)
{
    struct layer *layer = ctx;
    record(layer, PAB_CALL_FREE, 0);
    layer->owner->live_blocks -= ptr != NULL;
    free(ptr);
}

static inline void fixture_forget(struct fixture *f)
{
    f->count = 0;
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        f->layers[i] = (struct layer){f, (enum pab_domain)i};
        f->heap.domain[i] = (struct pab_alloc){&f->layers[i],  record_malloc, record_calloc,
                                               record_realloc, record_free,   NULL};
    }
    f->storage = aligned_alloc(16, (pab_py_storage_bytes() + 15) & ~(size_t)15);
    pab_py_start(&f->heap, f->storage);
    *state = f;
    return f->count == 0 ? 0 : -1; /* starting asks the heap for nothing */
}

/* What every test ends with: the runtime stops and has left nothing behind. */
static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    pab_py_stop();
    int64_t left = f->live_blocks + pab_py_live_objects();
    free(f->storage);
    free(f);
    return left == 0 ? 0 : -1;
}

#define PYOBJ_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

/* The requests since the last fixture_forget() are exactly these. */
static inline void assert_requests(const struct fixture *f, size_t count,
                                   const struct request *expected)
{
    assert_int_equal(f->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(f->requests[i].domain, expected[i].domain);
        assert_int_equal(f->requests[i].call, expected[i].call);
        assert_int_equal(f->requests[i].size, expected[i].size);
    }
}

/* The only request since the last fixture_forget(), which it then forgets. */
static inline void assert_one_request(struct fixture *f, enum pab_domain domain, enum pab_call call,
                                      size_t size)
{
    assert_requests(f, 1, &(struct request){domain, call, size});
    fixture_forget(f);
}

static inline struct pab_object *number(int64_t value)
{
    return pab_must(pab_long_from_int64(value));
}

static inline struct pab_object *text(const char *utf8)
{
    return pab_must(pab_unicode_from_utf8(utf8, (pab_ssize)strlen(utf8)));
}

static inline struct pab_object *interned(const char *utf8)
{
    struct pab_object *str = text(utf8);
    pab_must_do(pab_unicode_intern_in_place(&str));
    return str;
}

/* list.append() of a reference that the caller gives away. */
static inline void append_new(struct pab_object *list, struct pab_object *item)
{
    pab_must_do(pab_list_append(list, item));
    pab_decref(item);
}

#endif
