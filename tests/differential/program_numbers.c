/* tests/differential/program_numbers.c -- int and float. See program.h. */
#include "tests/differential/program.h"

#include <string.h>

/* An int and a bound of its length. */
struct sized {
    struct pab_object *object;
    uint32_t bits;
};

static struct sized pick_int(struct program *p)
{
    uint32_t place = below(p, (uint32_t)p->variables[INT].count);
    return (struct sized){p->variables[INT].items[place], p->int_bits[place]};
}

static uint32_t longer(struct sized a, struct sized b)
{
    return a.bits > b.bits ? a.bits : b.bits;
}

static bool is_zero(struct program *p, struct pab_object *number)
{
    struct pab_object *zero = pab_must(pab_long_from_int64(0));
    bool equal = pab_object_equal(number, zero);
    pab_decref(zero);
    (void)p;
    return equal;
}

static void int_make(struct program *p)
{
    keep_int(p, new_int(p), 62);
}

static void int_make_small(struct program *p)
{
    keep_int(p, pab_long_from_int64((int64_t)below(p, 300) - 20), 9);
}

static void int_add(struct program *p)
{
    struct sized a = pick_int(p);
    struct sized b = pick_int(p);
    if (longer(a, b) < BITS_MAX) {
        keep_int(p, pab_long_add(a.object, b.object), longer(a, b) + 1);
    }
}

static void int_subtract(struct program *p)
{
    struct sized a = pick_int(p);
    struct sized b = pick_int(p);
    if (longer(a, b) < BITS_MAX) {
        keep_int(p, pab_long_subtract(a.object, b.object), longer(a, b) + 1);
    }
}

static void int_multiply(struct program *p)
{
    struct sized a = pick_int(p);
    struct sized b = below(p, 4) == 0 ? a : pick_int(p);
    if (a.bits + b.bits <= BITS_MAX) {
        keep_int(p, pab_long_multiply(a.object, b.object), a.bits + b.bits);
    }
}

static void int_divide(struct program *p)
{
    struct sized a = pick_int(p);
    struct sized b = pick_int(p);
    if (!is_zero(p, b.object)) {
        keep_int(p, pab_long_floor_divide(a.object, b.object), a.bits + 1);
    }
}

static void int_remainder(struct program *p)
{
    struct sized a = pick_int(p);
    struct sized b = pick_int(p);
    if (!is_zero(p, b.object)) {
        keep_int(p, pab_long_remainder(a.object, b.object), longer(a, b));
    }
}

static void int_negative(struct program *p)
{
    struct sized a = pick_int(p);
    keep_int(p, pab_long_negative(a.object), a.bits);
}

static void int_shift(struct program *p)
{
    struct sized a = pick_int(p);
    uint32_t places = below(p, below(p, 4) == 0 ? 4000 : 70);
    struct pab_object *by = pab_must(pab_long_from_int64(places));
    if (below(p, 2) == 0) {
        keep_int(p, pab_long_rshift(a.object, by), a.bits + 1);
    } else if (a.bits + places <= BITS_MAX) {
        keep_int(p, pab_long_lshift(a.object, by), a.bits + places);
    }
    pab_decref(by);
}

static void int_bitwise(struct program *p)
{
    static struct pab_object *(*const functions[])(struct pab_object *, struct pab_object *) = {
        pab_long_and, pab_long_or, pab_long_xor};
    struct sized a = pick_int(p);
    struct sized b = pick_int(p);
    if (longer(a, b) < BITS_MAX) {
        uint32_t which = below(p, ARRAY_COUNT(functions));
        keep_int(p, functions[which](a.object, b.object), longer(a, b) + 1);
    }
}

static void int_to_text(struct program *p)
{
    struct sized a = pick_int(p);
    if (a.bits < LENGTH_MAX) {
        keep(p, STR, pab_object_str(a.object));
    }
}

static void int_from_text(struct program *p)
{
    char text[800];
    uint32_t length = 1 + below(p, below(p, 5) == 0 ? sizeof(text) - 3 : 30);
    uint32_t at = 0;
    if (below(p, 3) == 0) {
        text[at++] = '-';
    }
    for (uint32_t i = 0; i < length; i++) {
        text[at++] = (char)('0' + below(p, 10));
    }
    text[at] = '\0';
    keep_int(p, pab_long_from_text(text), 4 * length);
}

/* n = n * a + b, as a hash or a factorial grows: the old n goes at each turn. */
static void int_loop(struct program *p)
{
    struct pab_object *number = pab_must(pab_long_from_int64(3));
    uint32_t turns = 1 + below(p, 60);
    for (uint32_t i = 0; i < turns; i++) {
        struct pab_object *factor = new_int(p);
        struct pab_object *product = pab_must(pab_long_multiply(number, factor));
        pab_decref(number);
        number = pab_must(pab_long_add(product, factor));
        pab_decref(product);
        pab_decref(factor);
    }
    keep_int(p, number, turns * 64);
}

static void int_compare(struct program *p)
{
    struct pab_object *a = pick_int(p).object;
    struct pab_object *b = below(p, 4) == 0 ? pick(p, FLOAT) : pick_int(p).object;
    note_order(p, a, b);
    note(p, "hash", pab_object_hash(a));
    note(p, "hash", pab_object_hash(b));
}

static void float_make(struct program *p)
{
    double value = (double)below(p, 100000) / 8.0;
    if (below(p, 3) == 0) {
        value = value * 1e-7 + 1.0 / (1 + below(p, 1000));
    }
    keep(p, FLOAT, pab_float_from_double(below(p, 2) == 0 ? value : -value));
}

static void float_many(struct program *p)
{
    uint32_t count = below(p, 150);
    struct pab_object *list = pab_must(pab_list_new(count));
    for (uint32_t i = 0; i < count; i++) {
        pab_list_set_item(list, i, pab_must(pab_float_from_double((double)i * 0.25)));
    }
    keep(p, LIST, list);
}

static void float_to_text(struct program *p)
{
    keep(p, STR, pab_object_str(pick(p, FLOAT)));
}

const struct operation number_operations[] = {
    {"int_make", int_make, 6},
    {"int_make_small", int_make_small, 2},
    {"int_add", int_add, 4},
    {"int_subtract", int_subtract, 4},
    {"int_multiply", int_multiply, 8},
    {"int_divide", int_divide, 5},
    {"int_remainder", int_remainder, 5},
    {"int_negative", int_negative, 2},
    {"int_shift", int_shift, 5},
    {"int_bitwise", int_bitwise, 6},
    {"int_to_text", int_to_text, 4},
    {"int_from_text", int_from_text, 4},
    {"int_loop", int_loop, 2},
    {"int_compare", int_compare, 3},
    {"float_make", float_make, 4},
    {"float_many", float_many, 1},
    {"float_to_text", float_to_text, 3},
    {0},
};
