#include "harness/gate/verdict.h"

#include "harness/compare/words.h"
#include "harness/text.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

struct pab_gate_limits pab_gate_limits_default(void)
{
    return (struct pab_gate_limits){
        .detect = 0.03,
        .families = (1u << PAB_FAMILY_COUNT) - 1,
        .confirms = true,
        .must_be_decided = true,
    };
}

const char *pab_gate_finding_word(enum pab_gate_finding finding)
{
    static const char *const words[PAB_FINDING_COUNT] = {
        [PAB_FINDING_SHOWN] = "shown",
        [PAB_FINDING_GOOD] = "good",
        [PAB_FINDING_BETTER] = "better",
        [PAB_FINDING_NEW] = "new",
        [PAB_FINDING_CLEARED] = "not confirmed",
        [PAB_FINDING_UNDECIDED] = "cannot tell",
        [PAB_FINDING_GONE] = "gone",
        [PAB_FINDING_UNLIKE] = "not comparable",
        [PAB_FINDING_REGRESSION] = "regression",
        [PAB_FINDING_BROKEN] = "broken",
    };
    return words[finding];
}

const char *pab_gate_change_text(double ratio, char out[PAB_GATE_CHANGE_MAX])
{
    double percent = 100 * (ratio - 1);
    int digits = fabs(percent) < 0.995 ? 2 : fabs(percent) < 99.95 ? 1 : 0;
    out[0] = '\0';
    if (ratio == 1) {
        snprintf(out, PAB_GATE_CHANGE_MAX, "0 %%");
    } else if (fabs(percent) < 0.005) {
        snprintf(out, PAB_GATE_CHANGE_MAX, "< 0.01 %%");
    } else if (isfinite(ratio)) {
        snprintf(out, PAB_GATE_CHANGE_MAX, "%+.*f %%", digits, percent);
    }
    return out;
}

__attribute__((format(printf, 3, 4))) static void
find(struct pab_gate_item *item, enum pab_gate_finding finding, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(item->why, sizeof(item->why), format, values);
    va_end(values);
    item->finding = finding;
}

/* --- rows ----------------------------------------------------------------------------------- */

static bool is_confirmed_by_rounds(enum pab_family family)
{
    return family == PAB_FAMILY_TIME || family == PAB_FAMILY_MEMORY;
}

/* A body's count is that of an operation times its operations: the same question again. f_time is
 * bytes by seconds: it moves with whatever else the machine does. */
static bool is_left_out(const struct pab_metric *metric)
{
    static const char *const names[] = {"instructions.body", "instructions.cold_body", "f_time"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(metric->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Of one machine among several only the mean over all is judged. */
static bool is_judged(const struct pab_row *row, const struct pab_gate_limits *limits)
{
    bool may_differ = (row->metric->family == PAB_FAMILY_STRUCTURE && limits->shows_structure) ||
                      is_left_out(row->metric);
    return row->host == NULL && (limits->families >> row->metric->family & 1u) != 0 &&
           row->metric->family != PAB_FAMILY_DESCRIPTION && !may_differ;
}

/* Two runs, one after the other, differ in more than what is compared. */
static bool is_advisory(const struct pab_row *row)
{
    return row->metric->family == PAB_FAMILY_TIME && !row->paired;
}

bool pab_gate_is_flagged(const struct pab_row *row, const struct pab_gate_limits *limits)
{
    return is_judged(row, limits) && row->call == PAB_CALL_WORSE && !is_advisory(row) &&
           is_confirmed_by_rounds(row->metric->family);
}

/* A mean over other workloads is another one. */
const struct pab_row *pab_gate_find_row(const struct pab_comparison *in, const struct pab_row *row)
{
    for (size_t i = 0; in != NULL && i < in->count; i++) {
        const struct pab_row *other = &in->rows[i];
        if (pab_text_is_same(other->metric->name, row->metric->name) && other->host == NULL &&
            pab_text_is_same(other->workload, row->workload) &&
            pab_text_is_same(other->label, row->label) && other->workloads == row->workloads) {
            return other;
        }
    }
    return NULL;
}

/* Some allocators give memory back by the clock: then F_ret scatters, however many rounds there
 * are, and that it does is no reason to distrust the rest. One round shows no scatter. */
static bool follows_a_clock(const struct pab_row *row)
{
    return strcmp(row->metric->name, "f_ret") == 0 && row->n_base > 1 && row->n_head > 1;
}

/* Whether rounds that did not find a change again would have found one of the size asked for. */
static bool could_see(const struct pab_row *row, double detect)
{
    if (row->metric->family == PAB_FAMILY_TIME) {
        return row->call == PAB_CALL_EQUIVALENT || row->call == PAB_CALL_BETTER ||
               row->detectable <= detect /* not where it is NAN */;
    }
    return row->call != PAB_CALL_UNDECIDED || (isfinite(row->hi) && row->hi <= 1 + detect) ||
           follows_a_clock(row);
}

const struct pab_row *pab_gate_deciding_row(const struct pab_gate_item *item)
{
    return item->again != NULL && isfinite(item->again->ratio) ? item->again : item->row;
}

static void judge_flagged(struct pab_gate_item *item, const struct pab_gate_evidence *evidence,
                          const struct pab_gate_limits *limits)
{
    char first[PAB_GATE_CHANGE_MAX];
    pab_gate_change_text(item->row->ratio, first);
    if (item->family == PAB_FAMILY_TIME && evidence->first->control_failed) {
        find(item, PAB_FINDING_UNDECIDED, "worse, but the A/A control failed");
    } else if (!limits->confirms) {
        find(item, PAB_FINDING_REGRESSION, "%s", "");
    } else if (item->again == NULL) {
        find(item, PAB_FINDING_UNDECIDED, "worse, but there are no rounds to confirm it");
    } else if (item->again->call == PAB_CALL_WORSE) {
        find(item, PAB_FINDING_REGRESSION, "%s at first, and again", first);
    } else if (could_see(item->again, limits->detect)) {
        find(item, PAB_FINDING_CLEARED, "%s at first, not again", first);
    } else {
        find(item, PAB_FINDING_UNDECIDED, "worse at first (%s), then within the noise", first);
    }
}

/* Of a time the change that would have been found, of what has no power the largest that any two
 * rounds show. */
static void find_in_order(struct pab_gate_item *item, const struct pab_gate_limits *limits,
                          double own_limit)
{
    char text[PAB_GATE_CHANGE_MAX];
    double highest = item->row->hi;
    if (follows_a_clock(item->row)) {
        find(item, PAB_FINDING_GOOD, "within its noise: %s", item->row->why);
    } else if (item->family == PAB_FAMILY_TIME || highest <= 1 + own_limit) {
        double least = item->family == PAB_FAMILY_TIME ? limits->detect : own_limit;
        find(item, PAB_FINDING_GOOD, "no change above %s", pab_words_percent(least, text));
    } else {
        find(item, PAB_FINDING_GOOD, "at most %s from any round to any other",
             pab_gate_change_text(highest, text));
    }
}

static void judge_undecided(struct pab_gate_item *item, const struct pab_gate_evidence *evidence,
                            const struct pab_gate_limits *limits)
{
    bool is_structure = item->family == PAB_FAMILY_STRUCTURE;
    if (!is_structure && could_see(item->row, limits->detect)) {
        find_in_order(item, limits, evidence->first->rules.floor[item->family]);
    } else { /* of a mean its cells say it, too */
        find(item, item->workload == NULL ? PAB_FINDING_SHOWN : PAB_FINDING_UNDECIDED, "%s",
             item->row->why);
    }
}

static void judge_worse(struct pab_gate_item *item, const struct pab_gate_evidence *evidence,
                        const struct pab_gate_limits *limits)
{
    if (is_advisory(item->row)) {
        find(item, PAB_FINDING_UNDECIDED,
             "worse, but base and head ran apart: a live gate runs them interleaved");
    } else if (is_confirmed_by_rounds(item->family)) {
        judge_flagged(item, evidence, limits);
    } else { /* both figures are shown: they say it all */
        find(item, PAB_FINDING_REGRESSION, "%s", isfinite(item->row->base) ? "" : item->row->why);
    }
}

static void judge_row(struct pab_gate_item *item, const struct pab_gate_evidence *evidence,
                      const struct pab_gate_limits *limits)
{
    const struct pab_row *row = item->row;
    switch (row->call) {
    case PAB_CALL_WORSE:
        judge_worse(item, evidence, limits);
        break;
    case PAB_CALL_BETTER:
        find(item, PAB_FINDING_BETTER, "%s", "");
        break;
    case PAB_CALL_EQUIVALENT:
        find(item, PAB_FINDING_GOOD, "%s", "");
        break;
    case PAB_CALL_UNDECIDED:
        judge_undecided(item, evidence, limits);
        break;
    case PAB_CALL_NEW:
        find(item, PAB_FINDING_NEW, "%s", row->why[0] != '\0' ? row->why : "base has none");
        break;
    case PAB_CALL_GONE:
        find(item, limits->allows_gone ? PAB_FINDING_SHOWN : PAB_FINDING_GONE, "head has none");
        break;
    case PAB_CALL_FAILED:
        find(item, PAB_FINDING_BROKEN, "%s", row->why);
        break;
    default:
        find(item, PAB_FINDING_SHOWN, "%s", row->why);
        break;
    }
}

/* --- failures ------------------------------------------------------------------------------- */

static bool overlaps(const char *a, const char *b)
{
    return a == NULL || b == NULL || strcmp(a, b) == 0;
}

/* A failure of the other side in the same place. */
static const struct pab_gate_failure *find_twin(const struct pab_gate_evidence *evidence,
                                                const struct pab_gate_failure *failure)
{
    for (size_t i = 0; i < evidence->failure_count; i++) {
        const struct pab_gate_failure *other = &evidence->failures[i];
        if (other->is_head != failure->is_head && overlaps(other->workload, failure->workload) &&
            overlaps(other->label, failure->label) && overlaps(other->pass, failure->pass)) {
            return other;
        }
    }
    return NULL;
}

static enum pab_family family_of_pass(const char *pass)
{
    static const char *const passes[PAB_FAMILY_COUNT] = {
        [PAB_FAMILY_TIME] = "time",
        [PAB_FAMILY_MEMORY] = "memory",
        [PAB_FAMILY_INSTRUCTIONS] = "instructions",
    };
    for (size_t i = 0; pass != NULL && i < PAB_FAMILY_COUNT; i++) {
        if (passes[i] != NULL && strcmp(passes[i], pass) == 0) {
            return (enum pab_family)i;
        }
    }
    return PAB_FAMILY_DESCRIPTION;
}

/* Of two that fail alike only head's is told. */
static bool judge_failure(struct pab_gate_item *item, const struct pab_gate_evidence *evidence,
                          const struct pab_gate_failure *failure)
{
    const struct pab_gate_failure *twin = find_twin(evidence, failure);
    bool asks_otherwise = strcmp(failure->kind, "requests") == 0;
    bool is_missing = strcmp(failure->kind, "unavailable") == 0;
    if (twin != NULL && !failure->is_head) {
        return false;
    }
    *item = (struct pab_gate_item){
        .workload = failure->workload,
        .label = failure->label,
        .family = family_of_pass(failure->pass),
    };
    if (asks_otherwise) {
        find(item, PAB_FINDING_UNLIKE,
             "%s asks for other blocks in %s: compare trees whose "
             "workloads are alike",
             failure->workload == NULL ? "it" : failure->workload,
             failure->is_head ? "head" : "base");
    } else if (twin != NULL && !is_missing) {
        find(item, PAB_FINDING_UNDECIDED, "failed on both sides: %s: %s", failure->kind,
             failure->message);
    } else if (failure->is_head) {
        find(item, PAB_FINDING_BROKEN, "%s: %s", failure->kind, failure->message);
    } else {
        find(item, PAB_FINDING_NEW, "base failed there: %s: %s", failure->kind, failure->message);
    }
    return true;
}

/* --- all of them ---------------------------------------------------------------------------- */

static struct pab_gate_item *add_item(struct pab_gate_verdict *verdict)
{
    return &verdict->items[verdict->count++];
}

/* One finding a cell, where what is found is that it is not there. */
static bool is_told(const struct pab_gate_verdict *verdict, const struct pab_gate_item *item)
{
    bool is_failure = item->finding == PAB_FINDING_BROKEN || item->finding == PAB_FINDING_NEW;
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *other = &verdict->items[i];
        bool is_here =
            overlaps(other->workload, item->workload) && overlaps(other->label, item->label);
        bool told_as_failure = is_failure && other->row == NULL && is_here;
        bool told_as_row = other->row != NULL && other->finding == item->finding && is_here;
        if (other != item && (told_as_failure || told_as_row)) {
            return true;
        }
    }
    return false;
}

static bool may_repeat(enum pab_gate_finding finding)
{
    return finding != PAB_FINDING_BROKEN && finding != PAB_FINDING_NEW &&
           finding != PAB_FINDING_GONE;
}

static void judge_rows(struct pab_gate_verdict *verdict, const struct pab_gate_evidence *evidence,
                       const struct pab_gate_limits *limits)
{
    for (size_t i = 0; i < evidence->first->count; i++) {
        const struct pab_row *row = &evidence->first->rows[i];
        struct pab_gate_item *item = add_item(verdict);
        *item = (struct pab_gate_item){
            .workload = row->workload,
            .label = row->label,
            .family = row->metric->family,
            .row = row,
        };
        if (!is_judged(row, limits)) {
            find(item, PAB_FINDING_SHOWN, "%s", row->why);
            continue;
        }
        if (pab_gate_is_flagged(row, limits)) {
            item->again = pab_gate_find_row(
                item->family == PAB_FAMILY_TIME ? evidence->time_again : evidence->memory_again,
                row);
        }
        judge_row(item, evidence, limits);
        if (!may_repeat(item->finding) && is_told(verdict, item)) {
            item->finding = PAB_FINDING_SHOWN;
        }
        verdict->judged[item->family] += row->call != PAB_CALL_NOT_JUDGED;
        if (item->family == PAB_FAMILY_TIME && row->workload != NULL && isfinite(row->detectable)) {
            verdict->detectable = fmax(verdict->detectable, row->detectable);
        }
    }
}

static const char *last_word(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

#define COUNTS_NAMED 4u

static bool is_changed_structure(const struct pab_gate_item *item)
{
    return item->family == PAB_FAMILY_STRUCTURE && item->finding == PAB_FINDING_REGRESSION;
}

/* Takes the other counts of the same cell into the first one's finding. */
static void fold_cell(struct pab_gate_verdict *verdict, size_t index)
{
    struct pab_gate_item *first = &verdict->items[index];
    size_t used = 0;
    size_t others = 0;
    for (size_t i = index + 1; i < verdict->count; i++) {
        struct pab_gate_item *item = &verdict->items[i];
        if (!is_changed_structure(item) || !pab_text_is_same(first->workload, item->workload) ||
            !pab_text_is_same(first->label, item->label)) {
            continue;
        }
        item->finding = PAB_FINDING_SHOWN;
        if (others++ < COUNTS_NAMED && used < sizeof(first->why)) {
            used += (size_t)snprintf(first->why + used, sizeof(first->why) - used,
                                     "%s%.30s %.0f -> %.0f", used == 0 ? "also " : ", ",
                                     last_word(item->row->metric->name), item->row->base,
                                     item->row->head);
        }
    }
    if (others > COUNTS_NAMED && used < sizeof(first->why)) {
        snprintf(first->why + used, sizeof(first->why) - used, " and %zu more",
                 others - COUNTS_NAMED);
    }
}

/* What one change does to a structure shows in many counts: one finding a cell, naming them. */
static void fold_structure(struct pab_gate_verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++) {
        if (is_changed_structure(&verdict->items[i])) {
            fold_cell(verdict, i);
        }
    }
}

/* A finding of its own: it stands beside every time that was judged. */
static void judge_control(struct pab_gate_verdict *verdict,
                          const struct pab_gate_evidence *evidence)
{
    if (evidence->first->control_failed && verdict->judged[PAB_FAMILY_TIME] > 0) {
        struct pab_gate_item *item = add_item(verdict);
        *item = (struct pab_gate_item){.family = PAB_FAMILY_TIME};
        find(item, PAB_FINDING_UNDECIDED,
             "the A/A control failed: this run finds a difference where there is none");
    }
}

/* A family that was asked for and has not one row is a hole, and no good news. Structure is not
 * every allocator's. */
static void judge_absent(struct pab_gate_verdict *verdict, const struct pab_gate_limits *limits)
{
    static const enum pab_family families[] = {PAB_FAMILY_TIME, PAB_FAMILY_MEMORY,
                                               PAB_FAMILY_INSTRUCTIONS};
    for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
        if ((limits->expected >> families[i] & 1u) != 0 && verdict->judged[families[i]] == 0) {
            struct pab_gate_item *item = add_item(verdict);
            *item = (struct pab_gate_item){.family = families[i]};
            find(item, PAB_FINDING_UNDECIDED, "was asked for, and neither side has a figure");
        }
    }
}

static enum pab_gate_result result_of(const struct pab_gate_verdict *verdict)
{
    const size_t *found = verdict->found;
    size_t decided =
        found[PAB_FINDING_GOOD] + found[PAB_FINDING_BETTER] + found[PAB_FINDING_CLEARED];
    if (found[PAB_FINDING_BROKEN] > 0) {
        return PAB_GATE_BROKEN;
    }
    if (found[PAB_FINDING_REGRESSION] > 0) {
        return PAB_GATE_REGRESSION;
    }
    if (found[PAB_FINDING_UNLIKE] > 0) {
        return PAB_GATE_NOT_COMPARABLE;
    }
    return decided == 0 || found[PAB_FINDING_UNDECIDED] + found[PAB_FINDING_GONE] > 0
               ? PAB_GATE_INCONCLUSIVE
               : PAB_GATE_GOOD;
}

struct pab_gate_verdict *pab_gate_judge(const struct pab_gate_evidence *evidence,
                                        const struct pab_gate_limits *limits)
{
    struct pab_gate_verdict *verdict = calloc(1, sizeof(*verdict));
    PAB_CHECK(verdict != NULL);
    size_t room = evidence->first->count + evidence->failure_count + 1 + PAB_FAMILY_COUNT;
    verdict->items = calloc(room, sizeof(*verdict->items));
    PAB_CHECK(verdict->items != NULL);
    verdict->detectable = NAN;
    for (size_t i = 0; i < evidence->failure_count; i++) {
        struct pab_gate_item *item = add_item(verdict);
        if (!judge_failure(item, evidence, &evidence->failures[i])) {
            verdict->count--;
        }
    }
    judge_rows(verdict, evidence, limits);
    fold_structure(verdict);
    judge_control(verdict, evidence);
    judge_absent(verdict, limits);
    for (size_t i = 0; i < verdict->count; i++) {
        verdict->found[verdict->items[i].finding]++;
    }
    verdict->result = result_of(verdict);
    return verdict;
}

void pab_gate_verdict_free(struct pab_gate_verdict *verdict)
{
    if (verdict != NULL) {
        free(verdict->items);
        free(verdict);
    }
}
