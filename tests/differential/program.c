/* tests/differential/program.c -- random programs over all of pyobj.h. Compiled for both runtimes.
 *
 * Each step draws its operands from random numbers of its own, so that the others mean the same
 * when one is dropped. After each step the collector's counts are noted.
 */
#include "tests/differential/program.h"

#include "workloads/support/locals.h"

#include <string.h>

#define OPERATIONS_MAX 128
#define STEPS_LEAST    20
#define STEPS_SPREAD   280
#define ELEMENTS_NOTED 32 /* of one container */

static const struct operation *const tables[] = {number_operations,   text_operations,
                                                 sequence_operations, mapping_operations,
                                                 object_operations,   extension_operations};

static struct {
    const struct operation *all[OPERATIONS_MAX];
    uint32_t count, weights;
} operations;

static void gather_operations(void)
{
    if (operations.count > 0) {
        return;
    }
    for (size_t t = 0; t < ARRAY_COUNT(tables); t++) {
        for (const struct operation *at = tables[t]; at->name != NULL; at++) {
            PAB_CHECK(operations.count < OPERATIONS_MAX);
            operations.all[operations.count++] = at;
            operations.weights += at->weight;
        }
    }
}

/* --- generation ----------------------------------------------------------------------------- */

static uint32_t draw_operation(struct pab_rng *rng)
{
    uint32_t left = pab_rng_below(rng, operations.weights);
    uint32_t op = 0;
    while (left >= operations.all[op]->weight) {
        left -= operations.all[op++]->weight;
    }
    return op;
}

static size_t program_generate(uint64_t seed, struct step *steps)
{
    gather_operations();
    struct pab_rng rng;
    pab_rng_seed(&rng, seed);
    uint32_t spread = 1 + pab_rng_below(&rng, STEPS_SPREAD);
    size_t count = STEPS_LEAST + pab_rng_below(&rng, spread);
    for (size_t i = 0; i < count; i++) {
        steps[i].op = draw_operation(&rng);
        uint64_t operands = pab_rng_next(&rng);
        steps[i].a = (uint32_t)operands;
        steps[i].b = (uint32_t)(operands >> 32);
        steps[i].c = 0;
    }
    return count;
}

static void program_describe(const struct step *step, char *out, size_t size)
{
    snprintf(out, size, "%s (%08x %08x)", operations.all[step->op]->name, step->a, step->b);
}

/* --- notes ---------------------------------------------------------------------------------- */

void note(struct program *p, const char *what, int64_t value)
{
    trace_note(p->trace, what, value);
}

void note_text(struct program *p, struct pab_object *str)
{
    uint64_t sum = (uint64_t)pab_unicode_length(str);
    for (pab_ssize i = 0; i < pab_unicode_length(str); i++) {
        sum = pab_checksum_add(sum, pab_unicode_read_char(str, i));
    }
    note(p, "text", (int64_t)sum);
}

void note_order(struct program *p, struct pab_object *a, struct pab_object *b)
{
    int order = pab_object_compare(a, b);
    note(p, "order", order < 0 ? -1 : order > 0);
}

static void note_bytes(struct program *p, const char *bytes, pab_ssize size)
{
    uint64_t sum = (uint64_t)size;
    for (pab_ssize i = 0; i < size; i++) {
        sum = pab_checksum_add(sum, (uint8_t)bytes[i]);
    }
    note(p, "bytes", (int64_t)sum);
}

/* Which objects a container begins with: each by the block that it lies in. */
static uint64_t add_element(const struct program *p, uint64_t sum, const struct pab_object *element)
{
    return pab_checksum_add(sum, trace_block_of(p->trace, element));
}

static void note_tuple(struct program *p, struct pab_object *tuple)
{
    pab_ssize size = pab_tuple_size(tuple);
    uint64_t sum = (uint64_t)size;
    for (pab_ssize i = 0; i < size && i < ELEMENTS_NOTED; i++) {
        sum = add_element(p, sum, pab_tuple_get_item(tuple, i));
    }
    note(p, "tuple", (int64_t)sum);
}

static void note_list(struct program *p, struct pab_object *list)
{
    pab_ssize size = pab_list_size(list);
    uint64_t sum = (uint64_t)size;
    for (pab_ssize i = 0; i < size && i < ELEMENTS_NOTED; i++) {
        sum = add_element(p, sum, pab_list_get_item(list, i));
    }
    note(p, "list", (int64_t)sum);
}

static void note_dict(struct program *p, struct pab_object *dict)
{
    struct pab_object *key = NULL;
    struct pab_object *value = NULL;
    pab_ssize position = 0;
    uint64_t sum = (uint64_t)pab_dict_size(dict);
    for (int i = 0; i < ELEMENTS_NOTED && pab_dict_next(dict, &position, &key, &value); i++) {
        sum = add_element(p, add_element(p, sum, key), value);
    }
    note(p, "dict", (int64_t)sum);
}

static void note_value(struct program *p, enum kind kind, struct pab_object *object)
{
    double real = 0;
    int64_t bits = 0;
    switch (kind) {
    case INT:
        note(p, "int", pab_long_as_int64(object));
        break;
    case FLOAT:
        real = pab_float_as_double(object);
        memcpy(&bits, &real, sizeof(bits));
        note(p, "float", bits);
        break;
    case STR:
        note_text(p, object);
        break;
    case BYTES:
        note_bytes(p, pab_bytes_as_string(object), pab_bytes_size(object));
        break;
    case BYTEARRAY:
        note_bytes(p, pab_bytearray_as_string(object), pab_bytearray_size(object));
        break;
    case TUPLE:
        note_tuple(p, object);
        break;
    case LIST:
        note_list(p, object);
        break;
    case DICT:
        note_dict(p, object);
        break;
    case SET:
    case FROZENSET:
        note(p, "set", pab_set_size(object));
        break;
    default:
        break;
    }
    if (kind >= TUPLE) {
        note(p, "tracked", pab_py_gc_is_tracked(object));
    }
}

/* --- variables ------------------------------------------------------------------------------ */

/* The place of the new value. The old one goes last of all, as STORE_FAST has it. */
static size_t assign(struct program *p, enum kind kind, struct pab_object *object)
{
    struct variables *variables = &p->variables[kind];
    size_t place = variables->count;
    if (place < VARIABLES_MAX) {
        variables->items[variables->count++] = object;
        return place;
    }
    place = below(p, VARIABLES_MAX);
    struct pab_object *old = variables->items[place];
    variables->items[place] = object;
    pab_decref(old);
    return place;
}

void keep(struct program *p, enum kind kind, struct pab_object *object)
{
    note_value(p, kind, pab_must(object));
    assign(p, kind, object);
}

void keep_int(struct program *p, struct pab_object *object, uint32_t bits)
{
    note_value(p, INT, pab_must(object));
    p->int_bits[assign(p, INT, object)] = bits;
}

struct pab_object *pick_name(struct program *p)
{
    return p->names[below(p, NAMES)];
}

struct pab_object *pick_any(struct program *p)
{
    uint32_t kind = below(p, KIND_COUNT + 2);
    if (kind < KIND_COUNT) {
        return pick(p, (enum kind)kind);
    }
    return kind == KIND_COUNT ? pick_name(p) : below(p, 2) == 0 ? pab_none() : pab_bool(true);
}

/* A tuple or frozenset is a key if all in it is: the keys of this kind are made as such. */
struct pab_object *pick_key(struct program *p)
{
    static const enum kind kinds[] = {INT, INT, FLOAT, STR, BYTES, FROZENSET};
    uint32_t which = below(p, 2 * ARRAY_COUNT(kinds));
    return which < ARRAY_COUNT(kinds) ? pick(p, kinds[which]) : pick_name(p);
}

struct pab_object *new_int(struct program *p)
{
    uint32_t bits = below(p, 63);
    int64_t value = (int64_t)(pab_rng_next(&p->rng) >> 2 >> (62 - bits));
    return pab_must(pab_long_from_int64(below(p, 3) == 0 ? -value : value));
}

struct pab_object *new_list(struct program *p, uint32_t length)
{
    struct pab_object *list = pab_must(pab_list_new(length));
    uint32_t what = below(p, 3);
    for (uint32_t i = 0; i < length; i++) {
        struct pab_object *item = what == 0   ? new_int(p)
                                  : what == 1 ? pab_new_ref(pick_name(p))
                                              : pab_new_ref(pick_any(p));
        pab_list_set_item(list, i, item);
    }
    return list;
}

/* --- a program's course --------------------------------------------------------------------- */

/* Names of one letter would be shared by the whole process once they are interned. */
static void make_names(struct program *p)
{
    for (int i = 0; i < NAMES; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "name_%d", i);
        p->names[i] = pab_must(pab_unicode_from_ascii(text, length));
        pab_must_do(pab_unicode_intern_in_place(&p->names[i]));
    }
}

static struct program *current; /* for finalizers */

static void finalize(struct pab_object *self)
{
    struct program *p = current;
    note(p, "finalizer", pab_py_gc_count().count[0]);
    note(p, "finalized", pab_py_gc_is_finalized(self));
    note(p, "tracked", pab_py_gc_is_tracked(self));
    if (p->kept != NULL && pab_list_size(p->kept) < 4) {
        pab_must_do(pab_list_append(p->kept, self)); /* it lives on */
    }
}

static void make_classes(struct program *p)
{
    static const char *const slots[] = {"name_3", "name_0", "name_2", "name_1", NULL};
    p->classes[0] = pab_must(pab_class_new("Plain", NULL, NULL));
    p->classes[1] = pab_must(pab_class_new("Slotted", slots, NULL));
    p->classes[2] = pab_must(pab_class_new("Finalized", NULL, finalize));
    p->classes[3] = pab_must(pab_class_new("SlottedFinalized", slots, finalize));
}

static void make_variables(struct program *p)
{
    keep_int(p, pab_long_from_int64(1000), 10);
    keep(p, FLOAT, pab_float_from_double(0.5));
    keep(p, STR, pab_unicode_from_ascii("text", 4));
    keep(p, BYTES, pab_bytes_from_string("bytes", 5));
    keep(p, BYTEARRAY, pab_bytearray_from_string("array", 5));
    keep(p, TUPLE, pab_tuple_pack(1, pick_name(p)));
    keep(p, LIST, pab_list_new(0));
    keep(p, DICT, pab_dict_new());
    keep(p, SET, pab_set_new(NULL));
    keep(p, FROZENSET, pab_frozenset_new(NULL));
    keep(p, INSTANCE, pab_instance_new(p->classes[0]));
    keep(p, SLOTTED, pab_instance_new(p->classes[1]));
    object_operations[0].run(p); /* a function */
    keep(p, WEAKREF, pab_weakref_new(pick(p, SET), NULL));
}

static void drop_all(struct program *p)
{
    pab_unbind(&p->kept);
    finish_generator(p);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        struct variables *variables = &p->variables[kind];
        while (variables->count > 0) {
            pab_decref(variables->items[--variables->count]);
            note(p, "count", pab_py_gc_count().count[0]);
        }
    }
    for (int i = 0; i < CLASSES; i++) {
        pab_decref(p->classes[i]);
    }
    for (int i = 0; i < NAMES; i++) {
        pab_decref(p->names[i]);
    }
}

static void program_run(const struct step *steps, size_t count, struct trace *trace, void *storage)
{
    gather_operations();
    struct program program = {.trace = trace};
    struct program *p = current = &program;
    pab_rng_seed(&p->rng, 1);
    pab_py_start(&trace->heap, storage);
    make_classes(p);
    make_extensions(p);
    make_names(p);
    p->kept = pab_must(pab_list_new(0));
    make_variables(p);
    for (size_t i = 0; i < count; i++) {
        trace_step(trace, i);
        pab_rng_seed(&p->rng, (uint64_t)steps[i].b << 32 | steps[i].a);
        operations.all[steps[i].op]->run(p);
        note(p, "count", pab_py_gc_count().count[0]);
    }
    trace_step(trace, count);
    drop_all(p);
    pab_py_stop();
}

const struct suite differential_suite = {
    .name = "requests",
    .generate = program_generate,
    .run = program_run,
    .describe = program_describe,
};
