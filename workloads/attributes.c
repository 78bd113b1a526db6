/* workloads/attributes.c -- instances of classes, with a __dict__ or with __slots__.
 *
 * An instance of an ordinary class is two blocks in CPython 3.11: 56 bytes, and an array of values
 * whose size the class learns: 264 bytes for the first instance, 8 less with each that follows,
 * down to what its attributes need (Objects/typeobject.c, Objects/dictobject.c). Who reads
 * obj.__dict__ makes a dict of it, a third block, for good. With __slots__ it is a single block of
 * 32 + 8n bytes. The parameter `slots` chooses; the program and its results are the same.
 *
 * The body keeps `live` objects of four classes, as an application has its records:
 *
 *   Point    x, y               Event    id, kind, time, source, payload
 *   Node     id, left, right    Account  id, owner, balance, limit, opened, seen, state, notes
 *
 * some of which get attributes late, lose them, or are looked at through vars().
 *
 * An operation is one attribute stored, read or deleted, one object made.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, SLOTS, VIEWED, HOT };

static const struct pab_param attributes_params[] = {
    {"live", "objects kept", "objects", 4000, 250000, 64, 10000000},
    {"steps", "objects handled in the steady phase", "objects", 11000, 150000, 16, 100000000},
    {"slots", "whether the classes have __slots__ in place of a __dict__", PAB_PARAM_WAYS, 0, 0, 0,
     1},
    {"viewed", "share of handled objects that are looked at through vars()", "1/1000", 15, 0, 0,
     1000},
    {"hot", "share of replacements that hit the hot sixteenth", "1/1000", 500, 0, 0, 1000},
    {0},
};

enum { CLASSES = 4, ATTRIBUTES_MAX = 8, KINDS = 16 };

/* The first half is set by __init__, the rest when the object is first used. */
static const struct shape {
    const char *name;
    const char *attributes[ATTRIBUTES_MAX + 1]; /* ended by NULL */
    uint32_t count;
    unsigned shares; /* of 256 objects */
} shapes[CLASSES] = {
    {"Point", {"x", "y"}, 2, 96},
    {"Node", {"id", "left", "right"}, 3, 64},
    {"Event", {"id", "kind", "time", "source", "payload"}, 5, 64},
    {"Account", {"id", "owner", "balance", "limit", "opened", "seen", "state", "notes"}, 8, 32},
};

struct attributes {
    struct pab_program py;
    struct pab_mix mix, class_mix;
    uint8_t *classes_of; /* of each object: a program knows what its variables hold */
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *objects, *kinds;
    struct pab_object *classes[CLASSES];
    struct pab_object *names[CLASSES][ATTRIBUTES_MAX];
};

/* The one that is handled. */
struct pick {
    struct pab_object *self; /* borrowed */
    uint32_t index, class_index;
};

static uint32_t below(struct attributes *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct attributes *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

static uint64_t value_of(struct pab_object *value)
{
    return value == pab_none() ? 0 : (uint64_t)pab_object_hash(value);
}

/* A new int, a new float, None, or a str that many objects share. */
static struct pab_object *new_value(struct attributes *w)
{
    int64_t value = w->next_value++;
    switch (below(w, 4)) {
    case 0:
        return pab_must(pab_float_from_double((double)value * 0.25));
    case 1:
        return pab_new_ref(pab_list_get_item(w->kinds, value % KINDS));
    case 2:
        return value % 4 == 0 ? pab_new_ref(pab_none()) : pab_int(value);
    default:
        return pab_int(value);
    }
}

/* self.name = value */
static void set(struct attributes *w, struct pick pick, uint32_t attribute)
{
    struct pab_object *value = new_value(w);
    struct pab_object *name = w->names[pick.class_index][attribute];
    pab_must_do(pab_object_set_attr(pick.self, name, value));
    pab_decref(value);
    w->py.ops++;
}

/* getattr(self, name, None): what is not there counts nothing */
static void read(struct attributes *w, struct pick pick, uint32_t attribute)
{
    struct pab_object *name = w->names[pick.class_index][attribute];
    struct pab_object *value = pab_object_get_attr(pick.self, name);
    if (value != NULL) {
        note(w, value_of(value));
        pab_decref(value);
    }
    w->py.ops++;
}

static bool has(struct attributes *w, struct pick pick, uint32_t attribute)
{
    struct pab_object *value =
        pab_object_get_attr(pick.self, w->names[pick.class_index][attribute]);
    pab_xdecref(value);
    return value != NULL;
}

static uint32_t count_of(struct pick pick)
{
    return shapes[pick.class_index].count;
}

/* def __init__(self, ...): the first half of the attributes, of two both */
static struct pab_object *new_object(struct attributes *w, uint32_t index)
{
    uint32_t class_index = pab_mix_draw(&w->class_mix, &w->py.rng);
    struct pab_object *self = pab_must(pab_instance_new(w->classes[class_index]));
    struct pick pick = {.self = self, .index = index, .class_index = class_index};
    for (uint32_t i = 0; i < (count_of(pick) + 2) / 2; i++) {
        set(w, pick, i);
    }
    w->classes_of[index] = (uint8_t)class_index;
    w->py.ops++;
    return self;
}

/* --- what is done to an object: each acts out the Python code above it ----------------------- */

/* objects[i] = Class(...) */
static void replace(struct attributes *w, struct pick pick)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    uint32_t index = pick.index;
    if (below(w, 1000) < w->py.params[HOT]) {
        index %= live / 16;
    }
    pab_list_set_item(w->objects, index, new_object(w, index));
}

/* self.name = value, for all that it has */
static void update_all(struct attributes *w, struct pick pick)
{
    for (uint32_t i = 0; i < count_of(pick); i++) {
        set(w, pick, i);
    }
}

/* self.total += ..., a few times */
static void update_one(struct attributes *w, struct pick pick)
{
    uint32_t attribute = below(w, count_of(pick));
    for (int times = 0; times < 4; times++) {
        read(w, pick, attribute);
        set(w, pick, attribute);
    }
}

static void read_all(struct attributes *w, struct pick pick)
{
    for (uint32_t i = 0; i < count_of(pick); i++) {
        read(w, pick, i);
    }
}

/* del self.cache; or, if it is not there, self.cache = value */
static void delete_or_set(struct attributes *w, struct pick pick)
{
    uint32_t last = count_of(pick) - 1;
    if (has(w, pick, last)) {
        pab_must_do(pab_object_set_attr(pick.self, w->names[pick.class_index][last], NULL));
        w->py.ops++;
    } else {
        set(w, pick, last);
    }
}

/* Temporaries: points = [Point(...) for ...]; total = sum(p.x for p in points) */
static void make_temporaries(struct attributes *w, struct pick pick)
{
    pick.class_index = 0;
    struct pab_object *points = pab_must(pab_list_new(0));
    for (uint32_t left = 4 + below(w, 28); left > 0; left--) {
        pick.self = pab_must(pab_instance_new(w->classes[0]));
        set(w, pick, 0);
        set(w, pick, 1);
        pab_list_push(points, pick.self);
        w->py.ops++;
    }
    for (pab_ssize i = 0; i < pab_list_size(points); i++) {
        pick.self = pab_list_get_item(points, i);
        read(w, pick, 0);
    }
    pab_decref(points);
}

/* view = dict(vars(self)); with slots: {name: getattr(self, name) for name in slots ...} */
static void view(struct attributes *w, struct pick pick)
{
    struct pab_object *seen;
    if (w->py.params[SLOTS] == 0) {
        struct pab_object *dict = pab_must(pab_object_dict(pick.self));
        seen = pab_must(pab_dict_copy(dict));
        pab_decref(dict);
    } else {
        seen = pab_must(pab_dict_new());
        for (uint32_t i = 0; i < count_of(pick); i++) {
            struct pab_object *name = w->names[pick.class_index][i];
            struct pab_object *value = pab_object_get_attr(pick.self, name);
            if (value != NULL) {
                pab_dict_store(seen, pab_new_ref(name), value);
            }
        }
    }
    for (uint32_t i = 0; i < count_of(pick); i++) {
        struct pab_object *value = pab_dict_get_item(seen, w->names[pick.class_index][i]);
        note(w, value == NULL ? 1 : value_of(value));
        w->py.ops++;
    }
    pab_decref(seen);
}

/* Shares of 256, of objects handled. */
static const struct deed {
    void (*run)(struct attributes *w, struct pick pick);
    unsigned shares;
} deeds[] = {
    {replace, 96},  {update_all, 32},    {update_one, 48},
    {read_all, 48}, {delete_or_set, 24}, {make_temporaries, 8},
};

/* --- the phases ------------------------------------------------------------------------------ */

static void make_classes(struct attributes *w)
{
    for (int i = 0; i < CLASSES; i++) {
        const struct shape *shape = &shapes[i];
        for (uint32_t k = 0; k < shape->count; k++) {
            w->names[i][k] = pab_name(shape->attributes[k]);
        }
        const char *const *slots = w->py.params[SLOTS] == 0 ? NULL : shape->attributes;
        w->classes[i] = pab_must(pab_class_new(shape->name, slots, NULL));
    }
}

static void drop_classes(struct attributes *w)
{
    for (int i = 0; i < CLASSES; i++) {
        pab_unbind(&w->classes[i]);
        for (uint32_t k = 0; k < shapes[i].count; k++) {
            pab_unbind(&w->names[i][k]);
        }
    }
}

static void build(struct attributes *w)
{
    make_classes(w);
    w->kinds = pab_must(pab_list_new(0));
    for (int i = 0; i < KINDS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "kind_%d", i);
        pab_list_push(w->kinds, pab_name(text));
    }
    w->objects = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->objects, new_object(w, i));
    }
}

static void steady(struct attributes *w)
{
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
        struct pick pick = {
            .self = pab_list_get_item(w->objects, index),
            .index = index,
            .class_index = w->classes_of[index],
        };
        if (below(w, 1000) < w->py.params[VIEWED]) {
            view(w, pick);
        } else {
            deeds[pab_mix_draw(&w->mix, &w->py.rng)].run(w, pick);
        }
    }
}

/* objects[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct attributes *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->objects, w->py.params[LIVE], seed);
    pab_unbind(&w->objects);
    pab_unbind(&w->kinds);
    drop_classes(w);
}

static void attributes_body(struct pab_run *run)
{
    struct attributes *w = run->state;
    w->next_value = 1000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status attributes_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct attributes *w = pab_program_new(run, sizeof(*w));
    w->classes_of = pab_inputs_take(run->inputs, run->params[LIVE]);
    for (unsigned i = 0; i < CLASSES; i++) {
        pab_mix_add(&w->class_mix, i, shapes[i].shares);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(deeds); i++) {
        pab_mix_add(&w->mix, i, deeds[i].shares);
    }
    PAB_CHECK(w->class_mix.filled == PAB_MIX_SHARES && w->mix.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_attributes = {
    .name = "attributes",
    .summary = "instances made, set, read and deleted, with a __dict__ or with __slots__",
    .models = "Objects of an application's own classes. An instance is 56 bytes and an array of "
              "values that shrinks from 264 bytes to what the class turns out to need, and a dict "
              "once somebody reads __dict__; with __slots__ one block of 32 + 8n (CPython 3.11, "
              "Objects/typeobject.c, Objects/dictobject.c). The classes and the proportion of "
              "operations are our choice, not measured.",
    .unit = "one attribute stored, read or deleted; one object made",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = attributes_params,
    .setup = attributes_setup,
    .body = attributes_body,
};
