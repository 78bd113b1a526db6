/* workloads/extension_pools.c -- types of an extension module, with a pool of their own or without.
 *
 * A type written in C gets its objects from PyObject_Malloc unless its author brings tp_alloc and
 * tp_free (Doc/c-api/typeobj.rst). Many do, since a type's objects are all of one size: slabs are
 * asked for as they are needed, what dies goes on a free list, and slabs are kept. That is a second
 * allocator on top of the first: it is spared requests, and gives little back. The parameter `pool`
 * chooses; the program and its results are the same.
 *
 * The pool here is the plainest of its kind: slabs of `slab` bytes out of PyMem_Malloc, one LIFO of
 * free objects for each type, and all slabs given back when the last object of the type is gone.
 *
 * The body keeps `live` objects of three types in a list, and replaces some; it computes with points,
 * which makes temporaries, and cuts texts into tokens.
 *
 *   Point  32 bytes: x, y       Token  48: text, start, end       Sample  72: seven doubles
 *
 * An operation is one object made.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, POOL, SLAB };

static const struct pab_param extension_pools_params[] = {
    {"live", "objects kept", "objects", 15000, 700000, 16, 10000000},
    {"steps", "operations of the steady phase, about", "operations", 120000, 1500000, 1000,
     1000000000},
    {"pool", "whether each type has a pool of its own", PAB_PARAM_WAYS, 1, 0, 0, 1},
    {"slab", "what a pool asks for at a time", "bytes", 4096, 0, 256, 1048576},
    {0},
};

enum kind { POINT, TOKEN, SAMPLE, KIND_COUNT };

struct point {
    struct pab_object base;
    double x, y;
};

struct token {
    struct pab_object base;
    struct pab_object *text; /* or NULL */
    int64_t start, end;
};

#define SAMPLE_VALUES 7

struct sample {
    struct pab_object base;
    double values[SAMPLE_VALUES];
};

/* A free object is a link; so is a slab's first word. */
struct link {
    struct link *next;
};

struct pool {
    struct link *free_objects, *slabs;
    uint64_t used;
};

struct extension_pools {
    struct pab_program py;
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *objects, *texts;
    const struct pab_extension_type *types[KIND_COUNT];
    struct pool pools[KIND_COUNT];
};

/* tp_alloc and tp_free are given a size alone: the body that runs in this thread. */
static _Thread_local struct extension_pools *current;

/* --- the pools ------------------------------------------------------------------------------- */

/* Objects of a slab are handed out from its beginning on. */
static bool pool_grow(struct pool *pool, size_t size)
{
    size_t slab_bytes = current->py.params[SLAB];
    char *slab = pab_extension_mem_malloc(slab_bytes);
    if (slab == NULL) {
        return false;
    }
    *(struct link *)(void *)slab = (struct link){pool->slabs};
    pool->slabs = (struct link *)(void *)slab;
    size_t count = (slab_bytes - 16) / size;
    PAB_CHECK(count > 0);
    for (size_t i = count; i > 0; i--) {
        struct link *object = (struct link *)(void *)(slab + 16 + (i - 1) * size);
        object->next = pool->free_objects;
        pool->free_objects = object;
    }
    return true;
}

static void *pool_take(struct pool *pool, size_t size)
{
    if (pool->free_objects == NULL && !pool_grow(pool, size)) {
        return NULL;
    }
    struct link *object = pool->free_objects;
    pool->free_objects = object->next;
    pool->used++;
    return object;
}

static void pool_give(struct pool *pool, void *memory)
{
    struct link *object = memory;
    object->next = pool->free_objects;
    pool->free_objects = object;
    if (--pool->used == 0) {
        while (pool->slabs != NULL) {
            struct link *slab = pool->slabs;
            pool->slabs = slab->next;
            pab_extension_mem_free(slab);
        }
        pool->free_objects = NULL;
    }
}

static struct pool *pool_of(size_t size)
{
    enum kind kind = size == sizeof(struct point)   ? POINT
                     : size == sizeof(struct token) ? TOKEN
                                                    : SAMPLE;
    return &current->pools[kind];
}

static void *take(size_t size)
{
    return pool_take(pool_of(size), size);
}

static void give(void *memory, size_t size)
{
    pool_give(pool_of(size), memory);
}

/* --- the types ------------------------------------------------------------------------------- */

static void token_drop(struct pab_object *self)
{
    pab_xdecref(((struct token *)self)->text);
}

/* Without a pool, and with one. */
static const struct pab_extension extensions[2][KIND_COUNT] = {
    {
        {.name = "ext.Point", .size = sizeof(struct point)},
        {.name = "ext.Token", .size = sizeof(struct token), .drop = token_drop},
        {.name = "ext.Sample", .size = sizeof(struct sample)},
    },
    {
        {.name = "pool.Point", .size = sizeof(struct point), .take = take, .give = give},
        {.name = "pool.Token",
         .size = sizeof(struct token),
         .drop = token_drop,
         .take = take,
         .give = give},
        {.name = "pool.Sample", .size = sizeof(struct sample), .take = take, .give = give},
    },
};

static uint32_t below(struct extension_pools *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct extension_pools *w, double value)
{
    w->py.sum = pab_checksum_add(w->py.sum, (uint64_t)(int64_t)value);
}

static struct pab_object *new_object(struct extension_pools *w, enum kind kind)
{
    w->py.ops++;
    return pab_must(pab_extension_new(w->types[kind]));
}

static struct pab_object *new_point(struct extension_pools *w, double x, double y)
{
    struct point *point = (struct point *)new_object(w, POINT);
    point->x = x;
    point->y = y;
    return &point->base;
}

static struct pab_object *new_token(struct extension_pools *w, struct pab_object *text,
                                    int64_t start)
{
    struct token *token = (struct token *)new_object(w, TOKEN);
    token->text = pab_new_ref(text);
    token->start = start;
    token->end = start + pab_unicode_length(text);
    return &token->base;
}

static struct pab_object *new_sample(struct extension_pools *w)
{
    struct sample *sample = (struct sample *)new_object(w, SAMPLE);
    for (int i = 0; i < SAMPLE_VALUES; i++) {
        sample->values[i] = (double)(w->next_value++ % 1000);
    }
    return &sample->base;
}

/* Half of all are points. */
static struct pab_object *draw_object(struct extension_pools *w)
{
    uint32_t chance = below(w, 4);
    if (chance < 2) {
        int64_t value = w->next_value++;
        return new_point(w, (double)(value % 997), (double)(value % 991));
    }
    if (chance == 2) {
        struct pab_object *text = pab_list_get_item(w->texts, below(w, 64));
        return new_token(w, text, w->next_value++);
    }
    return new_sample(w);
}

/* --- what is done: each acts out the Python code above it ------------------------------------- */

/* for _ in range(n): objects[i] = new one */
static void replace_some(struct extension_pools *w, uint32_t n)
{
    for (uint32_t left = n; left > 0; left--) {
        uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
        pab_list_set_item(w->objects, index, draw_object(w));
    }
}

/* for _ in range(n): p = p * 0.5 + q: two temporaries a step, of which one is p */
static void compute(struct extension_pools *w, uint32_t n)
{
    struct point *p = (struct point *)new_point(w, below(w, 1000), 1);
    struct point *q = (struct point *)new_point(w, 3, below(w, 1000));
    for (uint32_t i = 0; i < n; i++) {
        struct point *half = (struct point *)new_point(w, p->x * 0.5, p->y * 0.5);
        struct pab_object *sum = new_point(w, half->x + q->x, half->y + q->y);
        pab_decref(&half->base);
        pab_decref(&p->base);
        p = (struct point *)sum;
    }
    note(w, p->x);
    note(w, p->y);
    pab_decref(&q->base);
    pab_decref(&p->base);
}

/* tokens = tokenize(text): n of them at once, then all are done with */
static void tokenize(struct extension_pools *w, uint32_t n)
{
    struct pab_object *tokens = pab_must(pab_list_new(0));
    int64_t start = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *text = pab_list_get_item(w->texts, below(w, 64));
        pab_list_push(tokens, new_token(w, text, start));
        start += pab_unicode_length(text) + 1;
    }
    note(w, (double)start);
    pab_decref(tokens);
}

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct extension_pools *w)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        w->types[i] = pab_extension_ready(&extensions[w->py.params[POOL]][i]);
        w->pools[i] = (struct pool){NULL, NULL, 0};
    }
    w->texts = pab_must(pab_list_new(0));
    for (int i = 0; i < 64; i++) {
        char text[16];
        snprintf(text, sizeof(text), "text%u", (unsigned)(i * i));
        pab_list_push(w->texts, pab_must(pab_unicode_from_ascii(text, (pab_ssize)strlen(text))));
    }
    w->objects = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->objects, draw_object(w));
    }
}

static void steady(struct extension_pools *w)
{
    uint64_t end = w->py.ops + w->py.params[STEPS];
    while (w->py.ops < end) {
        uint32_t n = (uint32_t)8 << below(w, 6);
        switch (below(w, 4)) {
        case 0:
            compute(w, n);
            break;
        case 1:
            tokenize(w, n);
            break;
        default:
            replace_some(w, n);
            break;
        }
    }
}

/* objects[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct extension_pools *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->objects, w->py.params[LIVE], seed);
    pab_unbind(&w->objects);
    pab_unbind(&w->texts);
}

static void extension_pools_body(struct pab_run *run)
{
    struct extension_pools *w = run->state;
    current = w;
    w->next_value = 1000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status extension_pools_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    pab_program_new(run, sizeof(struct extension_pools));
    return PAB_OK;
}

const struct pab_workload pab_workload_extension_pools = {
    .name = "extension_pools",
    .summary = "objects of an extension module, with a pool of their own or without",
    .models = "Types written in C whose authors put a pool of slabs and a free list in the place "
              "of tp_alloc and tp_free, over PyMem_Malloc, or did not (Doc/c-api/typeobj.rst). "
              "Types and the proportion of operations are our choice, not measured; the pool is "
              "the plainest of its kind.",
    .unit = "one object made",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = extension_pools_params,
    .setup = extension_pools_setup,
    .body = extension_pools_body,
};
