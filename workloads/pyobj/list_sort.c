/* workloads/pyobj/list_sort.c -- list.sort(): CPython 3.11's timsort without its galloping.
 *
 * Runs, minimal run length, powersort's merge order and the trimming of both runs before a merge
 * are CPython's (Objects/listobject.c, listsort.txt @v3.11), so the temporary memory is asked for
 * at the same moments and in the same sizes. Galloping only saves comparisons within a merge.
 */
#include "workloads/pyobj/runtime.h"

#include <string.h>

enum {
    TEMPORARY_ON_STACK = 256, /* pointers; larger merges ask the mem domain */
    PENDING_MAX = 85,         /* enough for any list that fits into memory */
    MINRUN_LIMIT = 64,
};

struct run {
    pab_ssize start, length;
    int power; /* of the border to the next run */
};

struct sorter {
    struct pab_object **items;
    pab_ssize length;
    int pending_count;
    struct run pending[PENDING_MAX];
    struct pab_object **temporary;
    pab_ssize temporary_length;
    struct pab_object *on_stack[TEMPORARY_ON_STACK];
};

static inline bool less(struct pab_object *a, struct pab_object *b)
{
    return pab_object_compare(a, b) < 0;
}

/* The old temporary is given back before the new one is asked for. */
static int temporary_ensure(struct sorter *sorter, pab_ssize length)
{
    if (length <= sorter->temporary_length) {
        return 0;
    }
    struct pab_py *py = pab_py();
    if (sorter->temporary != sorter->on_stack) {
        pab_mem_free(py, sorter->temporary);
    }
    sorter->temporary = pab_mem_malloc(py, (size_t)length * sizeof(struct pab_object *));
    sorter->temporary_length = sorter->temporary == NULL ? 0 : length;
    return sorter->temporary == NULL ? -1 : 0;
}

static void temporary_release(struct sorter *sorter)
{
    if (sorter->temporary != sorter->on_stack && sorter->temporary != NULL) {
        pab_mem_free(pab_py(), sorter->temporary);
    }
}

/* First place in the sorted range [low, high) whose item is greater than `key`. */
static pab_ssize upper_bound(struct pab_object **items, pab_ssize low, pab_ssize high,
                             struct pab_object *key)
{
    while (low < high) {
        pab_ssize middle = low + (high - low) / 2;
        if (less(key, items[middle])) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* First place whose item is not less than `key`. */
static pab_ssize lower_bound(struct pab_object **items, pab_ssize low, pab_ssize high,
                             struct pab_object *key)
{
    while (low < high) {
        pab_ssize middle = low + (high - low) / 2;
        if (less(items[middle], key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- merging -------------------------------------------------------------------------------- */

/* The left run, the shorter one, waits in the temporary. Equal items: left first. */
static int merge_low(struct sorter *sorter, struct run left, struct run right)
{
    if (temporary_ensure(sorter, left.length) != 0) {
        return -1;
    }
    struct pab_object **waiting = sorter->temporary;
    struct pab_object **items = sorter->items;
    memcpy(waiting, items + left.start, (size_t)left.length * sizeof(struct pab_object *));
    pab_ssize out = left.start;
    pab_ssize taken = 0;
    pab_ssize next = right.start;
    pab_ssize end = right.start + right.length;
    while (taken < left.length && next < end) {
        items[out++] = less(items[next], waiting[taken]) ? items[next++] : waiting[taken++];
    }
    memcpy(items + out, waiting + taken,
           (size_t)(left.length - taken) * sizeof(struct pab_object *));
    return 0;
}

/* The right run waits in the temporary; filled from the end. */
static int merge_high(struct sorter *sorter, struct run left, struct run right)
{
    if (temporary_ensure(sorter, right.length) != 0) {
        return -1;
    }
    struct pab_object **waiting = sorter->temporary;
    struct pab_object **items = sorter->items;
    memcpy(waiting, items + right.start, (size_t)right.length * sizeof(struct pab_object *));
    pab_ssize out = right.start + right.length;
    pab_ssize rest = right.length;
    pab_ssize next = left.start + left.length;
    while (rest > 0 && next > left.start) {
        items[--out] = less(waiting[rest - 1], items[next - 1]) ? items[--next] : waiting[--rest];
    }
    memcpy(items + out - rest, waiting, (size_t)rest * sizeof(struct pab_object *));
    return 0;
}

/* Merges the pending runs `i` and `i + 1`. What is in place already is left out first. */
static int merge_at(struct sorter *sorter, int i)
{
    struct run left = sorter->pending[i];
    struct run right = sorter->pending[i + 1];
    struct pab_object **items = sorter->items;
    assert(left.start + left.length == right.start);
    sorter->pending[i].length = left.length + right.length;
    if (i == sorter->pending_count - 3) {
        sorter->pending[i + 1] = sorter->pending[i + 2];
    }
    sorter->pending_count--;
    pab_ssize start = upper_bound(items, left.start, right.start, items[right.start]);
    left.length -= start - left.start;
    left.start = start;
    if (left.length == 0) {
        return 0;
    }
    right.length =
        lower_bound(items, right.start, right.start + right.length, items[right.start - 1]) -
        right.start;
    if (right.length == 0) {
        return 0;
    }
    return left.length <= right.length ? merge_low(sorter, left, right)
                                       : merge_high(sorter, left, right);
}

/* Powersort: the depth of the border between two runs in a perfectly balanced merge tree, that
 * is the first binary digit in which the midpoints of the runs differ. */
static int border_power(pab_ssize start, pab_ssize left, pab_ssize right, pab_ssize length)
{
    pab_ssize a = 2 * start + left;
    pab_ssize b = a + left + right;
    int power = 0;
    for (;;) {
        power++;
        if (a >= length) {
            a -= length;
            b -= length;
        } else if (b >= length) {
            return power;
        }
        a <<= 1;
        b <<= 1;
    }
}

static int run_found(struct sorter *sorter, pab_ssize start, pab_ssize length)
{
    if (sorter->pending_count > 0) {
        struct run last = sorter->pending[sorter->pending_count - 1];
        int power = border_power(last.start, last.length, length, sorter->length);
        while (sorter->pending_count > 1 &&
               sorter->pending[sorter->pending_count - 2].power > power) {
            if (merge_at(sorter, sorter->pending_count - 2) != 0) {
                return -1;
            }
        }
        sorter->pending[sorter->pending_count - 1].power = power;
    }
    assert(sorter->pending_count < PENDING_MAX);
    sorter->pending[sorter->pending_count++] = (struct run){start, length, 0};
    return 0;
}

static int merge_rest(struct sorter *sorter)
{
    while (sorter->pending_count > 1) {
        int i = sorter->pending_count - 2;
        if (i > 0 && sorter->pending[i - 1].length < sorter->pending[i + 1].length) {
            i--;
        }
        if (merge_at(sorter, i) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --- runs ----------------------------------------------------------------------------------- */

static void reverse(struct pab_object **items, pab_ssize count)
{
    for (pab_ssize i = 0; i < count / 2; i++) {
        struct pab_object *item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

/* Length of the run at the start of `items`; a strictly falling one is turned round. */
static pab_ssize run_take(struct pab_object **items, pab_ssize count)
{
    if (count < 2) {
        return count;
    }
    bool falling = less(items[1], items[0]);
    pab_ssize length = 2;
    while (length < count && less(items[length], items[length - 1]) == falling) {
        length++;
    }
    if (falling) {
        reverse(items, length);
    }
    return length;
}

/* Binary insertion: items [0, sorted) are in order, the rest up to `count` joins them. */
static void run_extend(struct pab_object **items, pab_ssize sorted, pab_ssize count)
{
    for (; sorted < count; sorted++) {
        struct pab_object *item = items[sorted];
        pab_ssize place = upper_bound(items, 0, sorted, item);
        memmove(items + place + 1, items + place,
                (size_t)(sorted - place) * sizeof(struct pab_object *));
        items[place] = item;
    }
}

/* Shortest run worth merging: length / minrun is a power of two or a little less. */
static pab_ssize minrun_of(pab_ssize length)
{
    pab_ssize odd = 0;
    while (length >= MINRUN_LIMIT) {
        odd |= length & 1;
        length >>= 1;
    }
    return length + odd;
}

/* A failure leaves the list with all its items, in some order between old and new. */
int pab_list_sort(struct pab_object *object)
{
    assert(object->type == &pab_list_type);
    struct pab_list *list = (struct pab_list *)object;
    if (list->size < 2) {
        return 0;
    }
    struct sorter sorter;
    sorter.items = list->items;
    sorter.length = list->size;
    sorter.pending_count = 0;
    sorter.temporary = sorter.on_stack;
    sorter.temporary_length = TEMPORARY_ON_STACK;
    pab_ssize minrun = minrun_of(list->size);
    int status = 0;
    for (pab_ssize start = 0; start < list->size && status == 0;) {
        struct pab_object **items = list->items + start;
        pab_ssize rest = list->size - start;
        pab_ssize length = run_take(items, rest);
        if (length < minrun) {
            pab_ssize forced = rest < minrun ? rest : minrun;
            run_extend(items, length, forced);
            length = forced;
        }
        status = run_found(&sorter, start, length);
        start += length;
    }
    if (status == 0) {
        status = merge_rest(&sorter);
    }
    temporary_release(&sorter);
    return status;
}
