/* harness/gate/sentence.c -- a gate in a sentence or two. */
#include "harness/compare/words.h"
#include "harness/gate/show.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define NAMED_MAX 3u /* findings in full; the others are counted */

struct text {
    char *out;
    size_t used, size;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    if (text->used < text->size) {
        int wrote = vsnprintf(text->out + text->used, text->size - text->used, format, values);
        text->used += wrote > 0 ? (size_t)wrote : 0;
    }
    va_end(values);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* Times before memory before counts, cells before means, and then the largest change first. */
static bool goes_before(const struct pab_gate_item *a, const struct pab_gate_item *b)
{
    if (a->family != b->family) {
        return a->family < b->family;
    }
    if ((a->workload == NULL) != (b->workload == NULL)) {
        return a->workload != NULL;
    }
    double size[2] = {0, 0};
    const struct pab_gate_item *both[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        const struct pab_row *row = pab_gate_deciding_row(both[i]);
        bool has_ratio = row != NULL && row->ratio > 0;
        size[i] = has_ratio ? fabs(log(row->ratio)) : 0;
    }
    return size[0] > size[1];
}

/* The next finding of that kind behind `last` (NULL: the first). Those of equal rank keep their
 * order. */
static const struct pab_gate_item *next_of(const struct pab_gate_verdict *verdict,
                                           enum pab_gate_finding finding,
                                           const struct pab_gate_item *last)
{
    const struct pab_gate_item *best = NULL;
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        bool is_behind =
            last == NULL || goes_before(last, item) || (!goes_before(item, last) && item > last);
        if (item->finding == finding && is_behind && (best == NULL || goes_before(item, best))) {
            best = item;
        }
    }
    return best;
}

/* "strings cpu_ns_per_op +3.1 % [+1.9, +4.3] %, slower: +3.4 % at first, and again" */
static void add_finding(struct text *text, const struct pab_gate_verdict *verdict,
                        const struct pab_gate_item *item)
{
    struct pab_gate_line line;
    bool has_label = pab_gate_only_label(verdict) == NULL;
    pab_gate_line_make(item, &line);
    add(text, "%s%s%s", line.workload, has_label ? " on " : "", has_label ? line.label : "");
    add(text, "%s%s", line.metric[0] == '\0' ? "" : " ", line.metric);
    if (item->family == PAB_FAMILY_STRUCTURE && line.base[0] != '\0') {
        add(text, " %s -> %s", line.base, line.head);
    } else if (line.change[0] != '\0') {
        add(text, " %s%s%s", line.change, line.interval[0] == '\0' ? "" : " ", line.interval);
    }
    add(text, ", %s", item->row == NULL ? item->why : line.verdict);
}

static void add_findings(struct text *text, const struct pab_gate_verdict *verdict,
                         enum pab_gate_finding finding, const char *what)
{
    const struct pab_gate_item *item = NULL;
    size_t count = verdict->found[finding];
    if (count == 0) {
        return;
    }
    add(text, " %zu %s%s: ", count, what, plural(count));
    for (size_t i = 0; i < NAMED_MAX && i < count; i++) {
        item = next_of(verdict, finding, item);
        add(text, "%s", i == 0 ? "" : "; ");
        add_finding(text, verdict, item);
    }
    if (count > NAMED_MAX) {
        add(text, "; and %zu more", count - NAMED_MAX);
    }
    add(text, ".");
}

static void add_good(struct text *text, const struct pab_gate_verdict *verdict)
{
    size_t judged = 0;
    for (size_t i = 0; i < PAB_FAMILY_COUNT; i++) {
        judged += verdict->judged[i];
    }
    add(text, " nothing of %zu figure%s got worse.", judged, plural(judged));
}

/* What was not measured cannot have got worse. Structure is not every allocator's. */
static void add_absent(struct text *text, const struct pab_gate_verdict *verdict)
{
    static const enum pab_family families[] = {PAB_FAMILY_TIME, PAB_FAMILY_MEMORY,
                                               PAB_FAMILY_INSTRUCTIONS};
    size_t absent = 0;
    for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
        if (verdict->judged[families[i]] == 0) {
            add(text, "%s%s", absent++ == 0 ? " Not judged: " : ", ", pab_family_name(families[i]));
        }
    }
    add(text, "%s", absent > 0 ? "." : "");
}

/* Regressions without a single improvement may be the gate's own fault. */
static void add_one_sided(struct text *text, const struct pab_gate_verdict *verdict)
{
    size_t worse = 0;
    size_t better = 0;
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        if (item->row != NULL && item->family == PAB_FAMILY_TIME && item->workload != NULL) {
            worse += item->row->call == PAB_CALL_WORSE;
            better += item->row->call == PAB_CALL_BETTER;
        }
    }
    if (worse >= 3 && better == 0) {
        add(text,
            " All %zu times that changed got worse: where that goes on over many gates, look at "
            "the gate.",
            worse);
    }
}

static void add_found(struct text *text, const struct pab_gate_case *the_case)
{
    const struct pab_gate_verdict *verdict = the_case->verdict;
    const size_t *found = verdict->found;
    add(text, "%s%s:", pab_gate_result_word(verdict->result),
        the_case->first->forced ? " (forced: what is compared is not alike)" : "");
    add_findings(text, verdict, PAB_FINDING_BROKEN, "failure");
    add_findings(text, verdict, PAB_FINDING_REGRESSION, "regression");
    if (verdict->result == PAB_GATE_NOT_COMPARABLE) {
        add_findings(text, verdict, PAB_FINDING_UNLIKE, "workload");
    }
    if (verdict->result == PAB_GATE_INCONCLUSIVE) {
        add_findings(text, verdict, PAB_FINDING_UNDECIDED, "undecided figure");
        add_findings(text, verdict, PAB_FINDING_GONE, "missing cell");
        add(text, "%s",
            found[PAB_FINDING_UNDECIDED] + found[PAB_FINDING_GONE] == 0
                ? " nothing could be judged."
                : "");
    }
    if (verdict->result == PAB_GATE_GOOD) {
        add_good(text, verdict);
        add_absent(text, verdict);
    }
    if (found[PAB_FINDING_BETTER] > 0) {
        add(text, " %zu figure%s got better.", found[PAB_FINDING_BETTER],
            plural(found[PAB_FINDING_BETTER]));
    }
    if (found[PAB_FINDING_CLEARED] > 0) {
        add(text, " %zu looked worse at first, and not again.", found[PAB_FINDING_CLEARED]);
    }
}

static bool has_paired_times(const struct pab_gate_verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_row *row = verdict->items[i].row;
        if (row != NULL && row->metric->family == PAB_FAMILY_TIME && row->n_base > 0 &&
            row->n_head > 0) {
            return verdict->judged[PAB_FAMILY_TIME] > 0;
        }
    }
    return false;
}

/* Whether a time stands here with the interval of the rounds that were to confirm it. */
static bool was_looked_at_again(const struct pab_gate_verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        if (item->family == PAB_FAMILY_TIME && item->row != NULL &&
            pab_gate_deciding_row(item) != item->row) {
            return true;
        }
    }
    return false;
}

/* What the times could have shown, and how often they show what is not there. Where head is broken
 * or another workload that is beside the point; where both sides are the same there is nothing to
 * be found. */
static void add_power(struct text *text, const struct pab_gate_case *the_case)
{
    const double *numbers = the_case->settings.numbers;
    const struct pab_gate_verdict *verdict = the_case->verdict;
    char percent[PAB_FIGURE_MAX];
    if (verdict->result == PAB_GATE_BROKEN || verdict->result == PAB_GATE_NOT_COMPARABLE) {
        return;
    }
    if (the_case->is_same) {
        add(text, "%s",
            the_case->base != the_case->head
                ? " Base and head hold the same run: nothing can differ, and nothing was tested."
            : verdict->found[PAB_FINDING_REGRESSION] > 0
                ? " Base and head are one and the same: this is a false alarm."
                : " Base and head are one and the same: whatever differs is chance.");
        return;
    }
    if (!has_paired_times(verdict)) {
        return;
    }
    if (isfinite(verdict->detectable)) {
        add(text,
            " Of 100 gates, %.0f would find a cell that is %s slower%s, and at most %.3g would "
            "call "
            "a time slower where nothing changed.",
            100 * numbers[PAB_GATE_POWER], pab_words_percent(verdict->detectable, percent),
            was_looked_at_again(verdict)
                ? " (by the first look; intervals of what was looked at again are the second's)"
                : "",
            100 * numbers[PAB_GATE_ALPHA]);
    } else {
        add(text, " There are too few rounds to say which slowdown would be found.");
    }
}

const char *pab_gate_sentence(const struct pab_gate_case *the_case, char out[PAB_GATE_SENTENCE_MAX])
{
    struct text text = {out, 0, PAB_GATE_SENTENCE_MAX};
    add_found(&text, the_case);
    add_one_sided(&text, the_case->verdict);
    add_power(&text, the_case);
    return out;
}
