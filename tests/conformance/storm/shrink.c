/* Delta debugging (Zeller, Hildebrandt, IEEE TSE 2002) by complements: leave out ever smaller
 * parts, keep what still shows a difference. */
#include "tests/conformance/storm/internal.h"

#include <string.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether `ops` show a difference; `count` becomes the number of calls up to it. */
static bool shows(struct storm_trial *trial, struct storm_op *ops, size_t *count)
{
    struct storm_list list = {ops, *count};
    trial->list = &list;
    pab_storm_try(trial);
    if (!trial->outcome->differs) {
        return false;
    }
    if (trial->outcome->result.ops < *count) {
        *count = (size_t)trial->outcome->result.ops;
    }
    return true;
}

static void adopt(struct storm_list *list, const struct storm_op *ops, size_t count)
{
    memcpy(list->ops, ops, count * sizeof(*ops));
    list->count = count;
}

/* Leaves out the calls [from, from + part) when the rest still differs. */
static bool leave_out(struct storm_trial *trial, struct storm_list *list, struct storm_op *rest,
                      size_t from, size_t part)
{
    size_t behind = from + part < list->count ? list->count - from - part : 0;
    memcpy(rest, list->ops, from * sizeof(*rest));
    memcpy(rest + from, list->ops + from + part, behind * sizeof(*rest));
    size_t count = from + behind;
    if (count == 0 || !shows(trial, rest, &count)) {
        return false;
    }
    adopt(list, rest, count);
    return true;
}

/* Leaves out every call on the slots [from, from + part) when the rest still differs. */
static bool leave_out_slots(struct storm_trial *trial, struct storm_list *list,
                            struct storm_op *rest, size_t from, size_t part)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->ops[i].slot - from >= part) {
            rest[count++] = list->ops[i];
        }
    }
    if (count == list->count || count == 0 || !shows(trial, rest, &count)) {
        return false;
    }
    adopt(list, rest, count);
    return true;
}

/* Cuts by halves, quarters, ... as long as there is time, from the end: what happened last is
 * nearest to the difference. */
static void cut_down(struct storm_trial *trial, struct storm_list *list, struct storm_op *rest,
                     bool by_slots, int64_t deadline_ms)
{
    size_t part = by_slots ? STORM_SLOTS / 2 : list->count / 2;
    while (part > 0 && now_ms() < deadline_ms) {
        bool smaller = false;
        size_t end = by_slots ? STORM_SLOTS : list->count;
        while (end > 0 && now_ms() < deadline_ms) {
            size_t from = end > part ? end - part : 0;
            smaller |= by_slots ? leave_out_slots(trial, list, rest, from, end - from)
                                : leave_out(trial, list, rest, from, end - from);
            end = from < list->count || by_slots ? from : list->count;
        }
        bool again = smaller && part <= 2 && !by_slots;
        part = again ? part : part / 2;
    }
}

/* `list` up to `length`, then everything given back. */
static size_t prefix_and_drain(const struct storm_list *list, size_t length, struct storm_op *out)
{
    static bool held[STORM_SLOTS];
    memset(held, 0, sizeof(held));
    for (size_t i = 0; i < length; i++) {
        out[i] = list->ops[i];
        held[out[i].slot] = out[i].call != STORM_FREE;
    }
    size_t count = length;
    for (size_t i = 0; i < length; i++) {
        uint32_t slot = out[i].slot;
        if (held[slot]) {
            held[slot] = false;
            out[count++] = (struct storm_op){.slot = slot, .call = STORM_FREE};
        }
    }
    return count;
}

/* Shortcuts that leaving out cannot find: an end that comes much sooner, and blocks that are all
 * large, so that few of them fill an arena. */
static void leap(struct storm_trial *trial, struct storm_list *list, struct storm_op *rest)
{
    for (size_t length = 1; 2 * length <= list->count; length *= 2) {
        size_t count = prefix_and_drain(list, length, rest);
        if (shows(trial, rest, &count)) {
            adopt(list, rest, count);
        }
    }
    static const uint16_t sizes[] = {512, 496, 256};
    for (size_t k = 0; k < ARRAY_COUNT(sizes); k++) {
        size_t count = list->count;
        for (size_t i = 0; i < count; i++) {
            rest[i] = list->ops[i];
            rest[i].size = rest[i].call == STORM_FREE ? 0 : sizes[k];
            rest[i].call = rest[i].call == STORM_CALLOC ? STORM_MALLOC : rest[i].call;
        }
        if (shows(trial, rest, &count)) {
            adopt(list, rest, count);
            return;
        }
    }
}

/* A plainer call in the place of each: malloc for calloc and for a realloc of nothing. */
static void simplify(struct storm_trial *trial, struct storm_list *list, int64_t deadline_ms)
{
    for (size_t i = 0; i < list->count && now_ms() < deadline_ms; i++) {
        struct storm_op *op = &list->ops[i];
        if (op->call == STORM_CALLOC || op->call == STORM_REALLOC) {
            uint8_t was = op->call;
            size_t count = list->count;
            op->call = STORM_MALLOC;
            if (shows(trial, list->ops, &count)) {
                list->count = count;
            } else {
                op->call = was;
            }
        }
    }
}

/* Numbers that begin at 0 read better, if the difference does not hang on the old ones. */
static void renumber(struct storm_trial *trial, struct storm_list *list, struct storm_op *rest)
{
    struct storm_list tidy = {rest, list->count};
    memcpy(rest, list->ops, list->count * sizeof(*rest));
    pab_storm_list_renumber(&tidy);
    size_t count = tidy.count;
    if (shows(trial, rest, &count) && count == list->count) {
        adopt(list, rest, count);
    }
}

void pab_storm_shrink(struct storm_trial *trial, struct storm_list *list, unsigned seconds)
{
    int64_t deadline_ms = now_ms() + (int64_t)seconds * 1000;
    struct storm_op *rest = calloc(list->count, sizeof(*rest));
    if (rest == NULL) {
        return;
    }
    int64_t half_ms = now_ms() + (int64_t)seconds * 500;
    leap(trial, list, rest);
    pab_storm_list_renumber(list);
    cut_down(trial, list, rest, true, half_ms);
    cut_down(trial, list, rest, false, deadline_ms);
    simplify(trial, list, deadline_ms);
    renumber(trial, list, rest);
    free(rest);
}
