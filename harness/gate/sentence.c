/* harness/gate/sentence.c -- a gate in a sentence or two. */
#include "harness/compare/words.h"
#include "harness/gate/show.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

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

static const struct pab_gate_item *first_of(const struct pab_gate_verdict *verdict,
                                            enum pab_gate_finding finding)
{
    for (size_t i = 0; i < verdict->count; i++) {
        if (verdict->items[i].finding == finding) {
            return &verdict->items[i];
        }
    }
    return NULL;
}

/* The first one in full, the others counted. */
static void add_findings(struct text *text, const struct pab_gate_verdict *verdict,
                         enum pab_gate_finding finding, const char *what)
{
    const struct pab_gate_item *item = first_of(verdict, finding);
    size_t count = verdict->found[finding];
    if (item == NULL) {
        return;
    }
    struct pab_gate_line line;
    char shown[600];
    pab_gate_line_make(item, &line);
    pab_gate_line_text(&line, shown, sizeof(shown));
    add(text, " %zu %s%s, %s%s.", count, what, count == 1 ? "" : "s", count == 1 ? "" : "first ",
        shown);
}

static void add_good(struct text *text, const struct pab_gate_verdict *verdict)
{
    size_t judged = 0;
    for (size_t i = 0; i < PAB_FAMILY_COUNT; i++) {
        judged += verdict->judged[i];
    }
    add(text, " nothing of %zu judged figures got worse.", judged);
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
            " All %zu times that changed got worse, none better: where that goes on over many "
            "gates, look at the gate.",
            worse);
    }
}

const char *pab_gate_finding_sentence(const struct pab_gate_case *the_case,
                                      char out[PAB_GATE_SENTENCE_MAX])
{
    const struct pab_gate_verdict *verdict = the_case->verdict;
    struct text text = {out, 0, PAB_GATE_SENTENCE_MAX};
    add(&text, "%s%s:", pab_gate_result_word(verdict->result),
        the_case->first->forced ? " (forced, of what is not alike)" : "");
    add_findings(&text, verdict, PAB_FINDING_BROKEN, "failure");
    add_findings(&text, verdict, PAB_FINDING_REGRESSION, "regression");
    if (verdict->result == PAB_GATE_NOT_COMPARABLE) {
        add_findings(&text, verdict, PAB_FINDING_UNLIKE, "workload");
    }
    if (verdict->result == PAB_GATE_INCONCLUSIVE) {
        add_findings(&text, verdict, PAB_FINDING_UNDECIDED, "undecided figure");
        add_findings(&text, verdict, PAB_FINDING_GONE, "missing cell");
        if (text.out[text.used - 1] == ':') {
            add(&text, " nothing could be judged.");
        }
    }
    if (verdict->result == PAB_GATE_GOOD) {
        add_good(&text, verdict);
    }
    if (verdict->found[PAB_FINDING_BETTER] > 0) {
        size_t count = verdict->found[PAB_FINDING_BETTER];
        add(&text, " %zu figure%s got better.", count, count == 1 ? "" : "s");
    }
    if (verdict->found[PAB_FINDING_CLEARED] > 0) {
        add(&text, " %zu looked worse at first, and not again.",
            verdict->found[PAB_FINDING_CLEARED]);
    }
    add_one_sided(&text, verdict);
    return out;
}

/* Rounds of the times, and the largest change that could have hidden there. */
static void add_power(struct text *text, const struct pab_gate_case *the_case)
{
    const double *numbers = the_case->settings.numbers;
    const struct pab_gate_verdict *verdict = the_case->verdict;
    char alpha[PAB_FIGURE_MAX];
    char detect[PAB_FIGURE_MAX];
    char power[PAB_FIGURE_MAX];
    if (verdict->judged[PAB_FAMILY_TIME] == 0) {
        return;
    }
    pab_words_percent(numbers[PAB_GATE_ALPHA], alpha);
    pab_words_percent(numbers[PAB_GATE_POWER], power);
    if (isfinite(verdict->detectable)) {
        add(text, " Time: a cell that is slower by %s is found with a probability of %s;",
            pab_words_percent(verdict->detectable, detect), power);
    } else {
        add(text, " Time: too few rounds to say what would be found;");
    }
    add(text, " where nothing changed, a gate says slower with at most %s.", alpha);
}

const char *pab_gate_sentence(const struct pab_gate_case *the_case, char out[PAB_GATE_SENTENCE_MAX])
{
    pab_gate_finding_sentence(the_case, out);
    struct text text = {out, strlen(out), PAB_GATE_SENTENCE_MAX};
    add_power(&text, the_case);
    return out;
}
