/* workloads/large_blocks.c -- blocks beyond what pymalloc serves: arrays, buffers, lists of zeros.
 *
 * Over 512 bytes PyMem_Malloc and PyObject_Malloc pass a request on to the raw domain (CPython,
 * Objects/obmalloc.c), so here the allocator below decides. Three kinds of object are kept:
 *
 *   arrays, as NumPy 1.22 and later has them: 96 bytes in the obj domain, 16 bytes for each
 *     dimension, and the data, the latter two in the raw domain. Freed data of less than 1024 bytes
 *     goes into a cache of up to 7 blocks for each size, and so do dimensions (numpy/core/src/
 *     multiarray/alloc.c); zeros come from calloc; in `a * x + b` the product's memory serves
 *     the sum, too, from 256 KiB on (temp_elide.c);
 *   bytearrays that grow piece by piece, by an eighth (Objects/bytearrayobject.c);
 *   `[0] * n`: one vector of 8n bytes (Objects/listobject.c).
 *
 * Sizes are drawn log-uniformly from 600 bytes to `largest`, if that is at most four fifths of
 * `live`: as many between 1 and 2 KiB as between 16 and 32 MiB. Objects go, at random, until the
 * new one fits into `live` bytes.
 *
 * An operation is one object made.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, LARGEST, CACHE };

static const struct pab_param large_blocks_params[] = {
    {"live", "bound of what is kept", "bytes", 4194304, 50331648, 65536, (uint64_t)1 << 40},
    {"steps", "objects replaced in the steady phase", "objects", 120, 200, 16, 100000000},
    {"largest", "bound of the sizes that are drawn", "bytes", 1048576, 67108864, 4096,
     (uint64_t)1 << 36},
    {"cache", "whether small data of dead arrays is kept, as NumPy does", PAB_PARAM_WAYS, 1, 0, 0,
     1},
    {0},
};

#define SMALLEST      600u
#define PLACES        96u /* for objects that are kept */
#define CHUNK_BYTES   16384u
#define ELIDE_BYTES   ((uint64_t)256 * 1024)
#define CACHE_SIZES   1024u /* NumPy's NBUCKETS, NBUCKETS_DIM, NCACHE */
#define CACHE_DIMS    16u
#define CACHE_BLOCKS  7u
#define ARRAY_BYTES   96u
#define TEMPORARY_MAX 16u /* a temporary is at most so large a part of `live` */

/* Dead blocks of one size, newest last. */
struct bucket {
    uint32_t count;
    void *blocks[CACHE_BLOCKS];
};

struct array {
    struct pab_object base;
    double *data;
    int64_t dimension_count;
    int64_t *dimensions;      /* and strides */
    struct pab_object *owner; /* of the data, if this is a view; else NULL */
    int64_t length;           /* items */
};
static_assert(sizeof(struct array) <= ARRAY_BYTES, "PyArrayObject_fields of NumPy 1.22 to 1.26");

struct large_blocks {
    struct pab_program py;
    struct pab_mix mix;
    uint64_t kept_bytes[PLACES]; /* of each place */
    /* Reset at the start of each body: */
    uint64_t total_bytes;
    const struct pab_extension_type *array_type;
    struct pab_object *kept;
    struct bucket data[CACHE_SIZES], dimensions[CACHE_DIMS];
};

/* A type's functions are given an object alone: the body that runs in this thread. */
static _Thread_local struct large_blocks *current;

/* --- NumPy's caches: _npy_alloc_cache, _npy_free_cache ---------------------------------------- */

static struct bucket *data_bucket(uint64_t bytes)
{
    return current->py.params[CACHE] != 0 && bytes < CACHE_SIZES ? &current->data[bytes] : NULL;
}

static struct bucket *dimensions_bucket(int64_t dimension_count)
{
    return current->py.params[CACHE] != 0 ? &current->dimensions[2 * dimension_count] : NULL;
}

static void *cached_take(struct bucket *bucket, uint64_t bytes)
{
    if (bucket != NULL && bucket->count > 0) {
        return bucket->blocks[--bucket->count];
    }
    void *block = pab_extension_raw_malloc(bytes);
    if (block == NULL) {
        pab_py_out_of_memory();
    }
    return block;
}

static void cached_give(struct bucket *bucket, void *block)
{
    if (bucket != NULL && bucket->count < CACHE_BLOCKS) {
        bucket->blocks[bucket->count++] = block;
    } else {
        pab_extension_raw_free(block);
    }
}

static void empty_buckets(struct bucket *buckets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        while (buckets[i].count > 0) {
            pab_extension_raw_free(buckets[i].blocks[--buckets[i].count]);
        }
    }
}

/* --- arrays ----------------------------------------------------------------------------------- */

static void array_drop(struct pab_object *self)
{
    struct array *array = (struct array *)self;
    if (array->owner != NULL) {
        pab_decref(array->owner);
    } else {
        cached_give(data_bucket((uint64_t)array->length * sizeof(double)), array->data);
    }
    cached_give(dimensions_bucket(array->dimension_count), array->dimensions);
}

static const struct pab_extension array_extension = {
    .name = "numpy.ndarray", .size = ARRAY_BYTES, .drop = array_drop};

static void note(struct large_blocks *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

static uint32_t below(struct large_blocks *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static struct array *new_head(struct large_blocks *w, int64_t length)
{
    struct array *array = (struct array *)pab_must(pab_extension_new(w->array_type));
    array->dimension_count = 1;
    array->dimensions = cached_take(dimensions_bucket(1), 2 * sizeof(int64_t));
    array->dimensions[0] = length;
    array->dimensions[1] = (int64_t)sizeof(double);
    array->length = length;
    w->py.ops++;
    return array;
}

/* numpy.empty(length) */
static struct array *new_array(struct large_blocks *w, int64_t length)
{
    struct array *array = new_head(w, length);
    uint64_t bytes = (uint64_t)length * sizeof(double);
    array->data = cached_take(data_bucket(bytes), bytes);
    return array;
}

/* numpy.zeros(length) */
static struct array *new_zeros(struct large_blocks *w, int64_t length)
{
    uint64_t bytes = (uint64_t)length * sizeof(double);
    if (bytes < CACHE_SIZES) {
        struct array *array = new_array(w, length);
        memset(array->data, 0, bytes);
        return array;
    }
    struct array *array = new_head(w, length);
    array->data = pab_extension_raw_calloc((size_t)length, sizeof(double));
    if (array->data == NULL) {
        pab_py_out_of_memory();
    }
    return array;
}

/* array[low:high], which shares the data */
static struct array *new_view(struct large_blocks *w, struct array *array, int64_t low,
                              int64_t high)
{
    struct array *view = new_head(w, high - low);
    view->data = array->data + low;
    view->owner = pab_new_ref(&array->base);
    return view;
}

static void fill(struct array *array, double value)
{
    for (int64_t i = 0; i < array->length; i++) {
        array->data[i] = value;
    }
}

/* out[:] = a * factor + b */
static void multiply_add(struct array *out, const struct array *a, double factor,
                         const struct array *b)
{
    for (int64_t i = 0; i < out->length; i++) {
        out->data[i] = a->data[i] * factor + (b == NULL ? 0.0 : b->data[i]);
    }
}

/* A few of its items: each page's first, and the last. */
static void note_array(struct large_blocks *w, const struct array *array)
{
    for (int64_t i = 0; i < array->length; i += 512) {
        note(w, (uint64_t)array->data[i]);
    }
    note(w, (uint64_t)array->data[array->length - 1]);
}

/* c = a * factor + b: a temporary for the product, which is the sum's, too, if it is large. */
static struct array *evaluate(struct large_blocks *w, struct array *a, struct array *b)
{
    struct array *product = new_array(w, a->length);
    multiply_add(product, a, 0.5, NULL);
    if ((uint64_t)a->length * sizeof(double) >= ELIDE_BYTES) {
        multiply_add(product, product, 1.0, b);
        return product;
    }
    struct array *sum = new_array(w, a->length);
    multiply_add(sum, product, 1.0, b);
    pab_decref(&product->base);
    return sum;
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* Uniform in the octave, octaves uniform: by whole numbers, the same on every machine. */
static uint64_t draw_bytes(struct large_blocks *w)
{
    uint64_t largest = w->py.params[LARGEST];
    uint32_t octaves = 0;
    while ((uint64_t)SMALLEST << (octaves + 1) <= largest) {
        octaves++;
    }
    uint64_t low = (uint64_t)SMALLEST << below(w, octaves + 1);
    uint64_t bytes = low + (uint64_t)(pab_rng_unit(&w->py.rng) * (double)low);
    uint64_t room = w->py.params[LIVE] / 5 * 4; /* a bytearray may have an eighth to spare */
    largest = largest < room ? largest : room;
    return bytes < largest ? bytes : largest;
}

static void drop(struct large_blocks *w, uint32_t place)
{
    w->total_bytes -= w->kept_bytes[place];
    w->kept_bytes[place] = 0;
    pab_list_set_item(w->kept, place, pab_new_ref(pab_none()));
}

/* Makes room for `bytes`: what is at the place goes, then others. */
static uint32_t make_room(struct large_blocks *w, uint64_t bytes)
{
    uint32_t place = below(w, PLACES);
    drop(w, place);
    for (uint32_t other = place; w->total_bytes + bytes > w->py.params[LIVE];) {
        other = (other + 1 + below(w, PLACES / 2)) % PLACES;
        while (w->kept_bytes[other] == 0) {
            other = (other + 1) % PLACES;
        }
        drop(w, other);
    }
    return place;
}

static void keep(struct large_blocks *w, uint32_t place, struct pab_object *object, uint64_t bytes)
{
    w->kept_bytes[place] = bytes;
    w->total_bytes += bytes;
    pab_list_set_item(w->kept, place, object);
}

/* kept[i] = numpy.empty(n), filled, or numpy.zeros(n), of which a part is written */
static void keep_array(struct large_blocks *w)
{
    uint64_t bytes = draw_bytes(w) / sizeof(double) * sizeof(double);
    uint32_t place = make_room(w, bytes);
    int64_t length = (int64_t)(bytes / sizeof(double));
    struct array *array;
    if (below(w, 4) == 0) {
        array = new_zeros(w, length);
        for (int64_t i = 0; i < length; i += 512) {
            array->data[i] += (double)(i % 1000);
        }
    } else {
        array = new_array(w, length);
        fill(array, (double)below(w, 1000));
    }
    note_array(w, array);
    keep(w, place, &array->base, bytes);
}

/* buffer = bytearray(); buffer += chunk, until all has come */
static void keep_buffer(struct large_blocks *w)
{
    uint64_t bytes = draw_bytes(w);
    uint32_t place = make_room(w, bytes + bytes / 8);
    struct pab_object *chunk = pab_must(pab_bytes_from_string(NULL, CHUNK_BYTES));
    memset(pab_bytes_as_string(chunk), (int)below(w, 128), CHUNK_BYTES);
    struct pab_object *buffer = pab_must(pab_bytearray_from_string(NULL, 0));
    for (uint64_t left = bytes; left > 0;) {
        uint64_t part = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        if (part < CHUNK_BYTES) {
            pab_ssize before = pab_bytearray_size(buffer);
            pab_must_do(pab_bytearray_resize(buffer, before + (pab_ssize)part));
            memset(pab_bytearray_as_string(buffer) + before, 1, part);
        } else {
            pab_must_do(pab_bytearray_extend(buffer, chunk));
        }
        left -= part;
    }
    pab_decref(chunk);
    const char *text = pab_bytearray_as_string(buffer);
    note(w, (uint64_t)(unsigned char)text[bytes / 2] + (unsigned char)text[bytes - 1]);
    w->py.ops += 2;
    keep(w, place, buffer, bytes + bytes / 8);
}

/* kept[i] = [0] * n; then some of it is filled in */
static void keep_list(struct large_blocks *w)
{
    uint64_t bytes = draw_bytes(w) / sizeof(void *) * sizeof(void *);
    uint32_t place = make_room(w, bytes);
    pab_ssize length = (pab_ssize)(bytes / sizeof(void *));
    struct pab_object *zero = pab_must(pab_list_new(1));
    pab_list_set_item(zero, 0, pab_int(0));
    struct pab_object *list = pab_must(pab_list_repeat(zero, length));
    pab_decref(zero);
    for (pab_ssize i = 0; i < length; i += 4096) {
        pab_list_set_item(list, i, pab_int(i % 250));
    }
    note(w, (uint64_t)pab_object_hash(pab_list_get_item(list, length / 8192 * 4096)));
    w->py.ops += 2;
    keep(w, place, list, bytes);
}

/* total = (a * 0.5 + b)[low:high].sum(), which no one keeps */
static void compute(struct large_blocks *w)
{
    uint64_t bound = w->py.params[LIVE] / TEMPORARY_MAX;
    uint64_t bytes = draw_bytes(w);
    int64_t length = (int64_t)((bytes < bound ? bytes : bound) / sizeof(double));
    struct array *a = new_array(w, length);
    struct array *b = new_array(w, length);
    fill(a, (double)below(w, 100));
    fill(b, 3.0);
    struct array *c = evaluate(w, a, b);
    struct array *view = new_view(w, c, length / 4, length / 2 + 1);
    note_array(w, view);
    pab_decref(&view->base);
    pab_decref(&c->base);
    pab_decref(&b->base);
    pab_decref(&a->base);
}

/* for _ in range(n): p = p * 0.5 + q, with vectors of 3 to 66 numbers */
static void compute_small(struct large_blocks *w)
{
    int64_t length = 3 + below(w, 64);
    struct array *p = new_array(w, length);
    struct array *q = new_array(w, length);
    fill(p, (double)below(w, 1000));
    fill(q, 1.0);
    for (uint32_t left = 64; left > 0; left--) {
        struct array *next = evaluate(w, p, q);
        pab_decref(&p->base);
        p = next;
    }
    note_array(w, p);
    pab_decref(&q->base);
    pab_decref(&p->base);
}

/* Shares of 256, of steps. */
static const struct deed {
    void (*run)(struct large_blocks *w);
    unsigned shares;
} deeds[] = {
    {keep_array, 96}, {keep_buffer, 32}, {keep_list, 32}, {compute, 48}, {compute_small, 48},
};

/* --- the phases ------------------------------------------------------------------------------- */

static void build(struct large_blocks *w)
{
    w->array_type = pab_extension_ready(&array_extension);
    w->kept = pab_must(pab_list_new(PLACES));
    for (uint32_t i = 0; i < PLACES; i++) {
        w->kept_bytes[i] = 0;
        pab_list_set_item(w->kept, i, pab_new_ref(pab_none()));
    }
    for (uint32_t left = 2 * PLACES; left > 0 && w->total_bytes < w->py.params[LIVE] / 2; left--) {
        deeds[below(w, 3)].run(w);
    }
}

static void drain(struct large_blocks *w, uint64_t seed)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, PLACES, seed);
    uint32_t index;
    for (uint32_t left = PLACES * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        drop(w, index);
        w->py.ops++;
    }
    pab_unbind(&w->kept);
    empty_buckets(w->data, CACHE_SIZES);
    empty_buckets(w->dimensions, CACHE_DIMS);
}

static void large_blocks_body(struct pab_run *run)
{
    struct large_blocks *w = run->state;
    current = w;
    w->total_bytes = 0;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        deeds[pab_mix_draw(&w->mix, &w->py.rng)].run(w);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status large_blocks_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct large_blocks *w = pab_program_new(run, sizeof(*w));
    for (unsigned i = 0; i < ARRAY_COUNT(deeds); i++) {
        pab_mix_add(&w->mix, i, deeds[i].shares);
    }
    PAB_CHECK(w->mix.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_large_blocks = {
    .name = "large_blocks",
    .summary = "arrays, buffers and lists of zeros, from 600 bytes to many MiB",
    .models = "Numerical work and buffers: what pymalloc passes on to the allocator below. Arrays "
              "are NumPy's: data and dimensions in the raw domain, up to 7 dead blocks kept for "
              "each size below 1024 bytes (numpy/core/src/multiarray/alloc.c). Sizes are "
              "log-uniform; that and the mix are our choice, not measured.",
    .unit = "one array, buffer or list made",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = large_blocks_params,
    .setup = large_blocks_setup,
    .body = large_blocks_body,
};
