/* workloads/pyobj/long.h -- what the parts of int share: the one-digit shortcut and the care for
 * results. Internal to this folder. Depends on runtime.h.
 *
 * An operation asks for as many digits as its result could need; what it then does not need is
 * only cut from the size. A function here that "takes" a number owns that reference afterwards.
 */
#ifndef PAB_WORKLOADS_PYOBJ_LONG_H
#define PAB_WORKLOADS_PYOBJ_LONG_H

#include "workloads/pyobj/runtime.h"

/* One digit at most: the common case, which never touches the digit loops. */
static inline bool pab_long_is_medium(const struct pab_long *number)
{
    return (size_t)(number->size + 1) < 3;
}

static inline int64_t pab_long_medium_value(const struct pab_long *number)
{
    assert(pab_long_is_medium(number));
    return number->size * (int64_t)number->digits[0];
}

static inline pab_ssize pab_long_digit_count(const struct pab_long *number)
{
    return number->size < 0 ? -number->size : number->size;
}

/* Drops leading zero digits from the size; the block keeps its length. */
static inline struct pab_long *pab_long_normalize(struct pab_long *number)
{
    pab_ssize count = pab_long_digit_count(number);
    while (count > 0 && number->digits[count - 1] == 0) {
        count--;
    }
    number->size = number->size < 0 ? -count : count;
    return number;
}

/* Replaces a result that fell into the small range by the shared small int. Takes `number`, which
 * may be NULL. */
struct pab_long *pab_long_share_small(struct pab_long *number);
/* -number, in place when nobody else has it. Takes `number`, which may be NULL; NULL when memory
 * is out. CPython's _PyLong_Negate. */
struct pab_long *pab_long_negate(struct pab_long *number);
/* |a| + |b|: one digit more than the longer. */
struct pab_long *pab_long_add_magnitudes(const struct pab_long *a, const struct pab_long *b);
/* str(number) */
struct pab_object *pab_long_str(const struct pab_long *number);

#endif
