/* tests/differential/program.h -- the random programs of `requests`: variables by type, and
 * operations on them. Internal to program*.c. Depends on side.h, pyobj.h, rng.h.
 */
#ifndef PAB_TESTS_DIFFERENTIAL_PROGRAM_H
#define PAB_TESTS_DIFFERENTIAL_PROGRAM_H

#include "tests/differential/side.h"
#include "workloads/pyobj/pyobj.h"
#include "workloads/support/rng.h"

/* Types of variables. Each has at least one, so that an operation always finds its operands. */
enum kind {
    INT,
    FLOAT,
    STR,
    BYTES,
    BYTEARRAY,
    TUPLE,
    LIST,
    DICT,
    SET,
    FROZENSET,
    INSTANCE, /* with a __dict__ */
    SLOTTED,  /* with slots */
    FUNCTION,
    WEAKREF,
    KIND_COUNT,
};

enum {
    VARIABLES_MAX = 8, /* of one kind */
    NAMES = 40,        /* of attributes and dict keys: more than a shared table has room for */
    CLASSES = 4,
    LENGTH_MAX = 3000, /* of what may grow */
    BITS_MAX = 16000,  /* of ints */
};

struct variables {
    struct pab_object *items[VARIABLES_MAX];
    size_t count;
};

struct program {
    struct trace *trace;
    struct variables variables[KIND_COUNT];
    uint32_t int_bits[VARIABLES_MAX]; /* no int is longer than this says */
    struct pab_object *names[NAMES];
    struct pab_object *classes[CLASSES]; /* plain, slots, finalizer, slots and finalizer */
    struct pab_object *kept;             /* list: what finalizers resurrect */
    struct pab_object *suspended;        /* a generator, or NULL */
    const struct pab_extension_type *boxes[2];
    struct pab_rng rng; /* of the step: seeded from its operands */
};

struct operation {
    const char *name;
    void (*run)(struct program *p);
    unsigned weight;
};

/* Tables of operations; each ends at .name == NULL. */
extern const struct operation number_operations[], text_operations[], sequence_operations[],
    mapping_operations[], object_operations[], extension_operations[];

/* --- what operations are made of ------------------------------------------------------------- */

static inline uint32_t below(struct program *p, uint32_t bound)
{
    return pab_rng_below(&p->rng, bound);
}

/* A variable, borrowed. */
static inline struct pab_object *pick(struct program *p, enum kind kind)
{
    const struct variables *variables = &p->variables[kind];
    return variables->items[below(p, (uint32_t)variables->count)];
}

/* Any object, borrowed: a variable, None, a small int or a name. */
struct pab_object *pick_any(struct program *p);
/* Something that a dict or set takes as a key, borrowed. */
struct pab_object *pick_key(struct program *p);
struct pab_object *pick_name(struct program *p);
/* A new list of the given length: ints, names or anything. */
struct pab_object *new_list(struct program *p, uint32_t length);
struct pab_object *new_int(struct program *p); /* at most 62 bits */

/* Assigns to a new variable or over an old one; takes the reference; notes the value. */
void keep(struct program *p, enum kind kind, struct pab_object *object);
void keep_int(struct program *p, struct pab_object *object, uint32_t bits);

/* In program_extensions.c: before the first step, and after the last. */
void make_extensions(struct program *p);
void finish_generator(struct program *p);

void note(struct program *p, const char *what, int64_t value);
void note_text(struct program *p, struct pab_object *str);
void note_order(struct program *p, struct pab_object *a, struct pab_object *b);

#endif
