/* workloads/pyobj/set_operations.c -- sets out of sets: copy | & - ^, and hash and equality
 * (Objects/setobject.c@v3.11). A result has the type of the left operand. */
#include "workloads/pyobj/set.h"

static struct pab_object *as_object(struct pab_set *set)
{
    return (struct pab_object *)set;
}

/* Gives up a result that has become useless. */
static struct pab_object *drop(struct pab_set *set)
{
    pab_decref(&set->base);
    return NULL;
}

/* A frozenset is its own copy, but an operation that needs one to work on gets a real one. */
struct pab_object *pab_set_copy(struct pab_object *set)
{
    if (set->type == &pab_frozenset_type) {
        return pab_new_ref(set);
    }
    return as_object(pab_set_make(&pab_set_type, set));
}

struct pab_object *pab_set_union(struct pab_object *a, struct pab_object *b)
{
    struct pab_set *result = pab_set_make(pab_as_set(a)->base.type, a);
    if (result != NULL && a != b && pab_set_update(&result->base, &pab_as_set(b)->base) != 0) {
        return drop(result);
    }
    return as_object(result);
}

/* The keys of `from` that are (or are not) in `other`, in a set of `type`. */
static struct pab_object *filter(const struct pab_type *type, struct pab_set *from,
                                 struct pab_set *other, bool common)
{
    struct pab_set *result = pab_set_make(type, NULL);
    pab_ssize position = 0;
    struct pab_set_entry *entry;
    while (result != NULL && (entry = pab_set_next_entry(from, &position)) != NULL) {
        if (pab_set_has_entry(other, entry->key, entry->hash) == common &&
            pab_set_add_entry(result, entry->key, entry->hash) != 0) {
            return drop(result);
        }
    }
    return as_object(result);
}

/* The smaller one is gone through; of equal ones, `b`. */
struct pab_object *pab_set_intersection(struct pab_object *a, struct pab_object *b)
{
    struct pab_set *left = pab_as_set(a);
    struct pab_set *right = pab_as_set(b);
    if (a == b) {
        return as_object(pab_set_make(a->type, a));
    }
    return right->used > left->used ? filter(a->type, left, right, true)
                                    : filter(a->type, right, left, true);
}

/* Takes the keys of a much smaller set away from a copy, and deleted slots if there are many. */
static struct pab_object *copy_without(struct pab_set *set, struct pab_set *other)
{
    struct pab_set *result = pab_set_make(set->base.type, &set->base);
    if (result == NULL) {
        return NULL;
    }
    pab_ssize position = 0;
    struct pab_set_entry *entry;
    while ((entry = pab_set_next_entry(other, &position)) != NULL) {
        pab_set_discard_entry(result, entry->key, entry->hash);
    }
    if (result->fill - result->used > result->mask / 4 && pab_set_rebuild(result) != 0) {
        return drop(result);
    }
    return as_object(result);
}

struct pab_object *pab_set_difference(struct pab_object *a, struct pab_object *b)
{
    struct pab_set *left = pab_as_set(a);
    struct pab_set *right = pab_as_set(b);
    return left->used >> 2 > right->used ? copy_without(left, right)
                                         : filter(a->type, left, right, false);
}

/* A copy of `b`, from which the keys of `a` are taken or to which they are added. */
struct pab_object *pab_set_symmetric_difference(struct pab_object *a, struct pab_object *b)
{
    struct pab_set *left = pab_as_set(a);
    struct pab_set *result = pab_set_make(a->type, &pab_as_set(b)->base);
    pab_ssize position = 0;
    struct pab_set_entry *entry;
    while (result != NULL && (entry = pab_set_next_entry(left, &position)) != NULL) {
        if (!pab_set_discard_entry(result, entry->key, entry->hash) &&
            pab_set_add_entry(result, entry->key, entry->hash) != 0) {
            return drop(result);
        }
    }
    return as_object(result);
}

bool pab_set_equal(struct pab_set *a, struct pab_set *b)
{
    if (a->used != b->used || (a->hash != -1 && b->hash != -1 && a->hash != b->hash)) {
        return false;
    }
    pab_ssize position = 0;
    struct pab_set_entry *entry;
    while ((entry = pab_set_next_entry(a, &position)) != NULL) {
        if (!pab_set_has_entry(b, entry->key, entry->hash)) {
            return false;
        }
    }
    return true;
}

/* The order of keys does not matter, so each is spread before all are combined. */
static uint64_t spread(uint64_t hash)
{
    return (hash ^ UINT64_C(89869747) ^ hash << 16) * UINT64_C(3644798167);
}

int64_t pab_frozenset_hash(struct pab_set *set)
{
    if (set->hash != -1) {
        return set->hash;
    }
    uint64_t hash = 0;
    pab_ssize position = 0;
    struct pab_set_entry *entry;
    while ((entry = pab_set_next_entry(set, &position)) != NULL) {
        hash ^= spread((uint64_t)entry->hash);
    }
    hash ^= ((uint64_t)set->used + 1) * UINT64_C(1927868237);
    hash ^= hash >> 11 ^ hash >> 25;
    hash = hash * UINT64_C(69069) + UINT64_C(907133923);
    set->hash = (int64_t)hash == -1 ? 590923713 : (int64_t)hash;
    return set->hash;
}
