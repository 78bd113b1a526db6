#include "harness/compare/show.h"

#include "harness/compare/words.h"
#include "harness/text.h"

#include <math.h>
#include <string.h>

/* --- which rows ------------------------------------------------------------------------------- */

static bool is_change(enum pab_call call)
{
    return call == PAB_CALL_BETTER || call == PAB_CALL_WORSE;
}

bool pab_show_by_default(const struct pab_comparison *comparison, const struct pab_row *row)
{
    enum pab_family family = row->metric->family;
    bool is_held = row->call == PAB_CALL_NOT_JUDGED || row->call == PAB_CALL_EQUIVALENT;
    if (row->is_clock || strcmp(row->metric->name, "peak_rss_bytes") == 0) {
        return true;
    }
    if (comparison->baseline != NULL) {
        return false;
    }
    return family == PAB_FAMILY_MEMORY
               ? is_change(row->call)
               : (family == PAB_FAMILY_INSTRUCTIONS || family == PAB_FAMILY_STRUCTURE) && !is_held;
}

struct ordered {
    const struct pab_row *row;
    size_t block; /* place of its workload and metric among all rows */
};

static bool is_same_workload(const struct pab_row *a, const struct pab_row *b)
{
    return pab_text_is_same(a->workload, b->workload);
}

bool pab_show_same_block(const struct pab_row *a, const struct pab_row *b)
{
    return is_same_workload(a, b) && strcmp(a->metric->name, b->metric->name) == 0;
}

/* Workload by workload as they come; within it metric by metric, the lowest ratio first. */
static int by_block(const void *left, const void *right)
{
    const struct ordered *a = left;
    const struct ordered *b = right;
    if (a->block != b->block) {
        return a->block < b->block ? -1 : 1;
    }
    double x = isfinite(a->row->ratio) ? a->row->ratio : HUGE_VAL;
    double y = isfinite(b->row->ratio) ? b->row->ratio : HUGE_VAL;
    if (x != y && a->row->metric->family != PAB_FAMILY_STRUCTURE) {
        return x < y ? -1 : 1;
    }
    return a->row < b->row ? -1 : 1;
}

/* The first row of its metric from `first` on, where its workload begins. */
static size_t block_of(const struct pab_comparison *comparison, size_t first, size_t index)
{
    size_t block = first;
    while (strcmp(comparison->rows[block].metric->name, comparison->rows[index].metric->name) !=
           0) {
        block++;
    }
    return block;
}

void pab_show_init(struct pab_show *show, const struct pab_comparison *comparison,
                   bool (*wants)(const struct pab_row *row, void *arg), void *arg)
{
    struct ordered *ordered = calloc(comparison->count + 1, sizeof(*ordered));
    *show = (struct pab_show){
        .comparison = comparison,
        .rows = calloc(comparison->count + 1, sizeof(const struct pab_row *)),
    };
    PAB_CHECK(ordered != NULL && show->rows != NULL);
    size_t first = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct pab_row *row = &comparison->rows[i];
        first = is_same_workload(&comparison->rows[first], row) ? first : i;
        if (wants(row, arg)) {
            ordered[show->count++] = (struct ordered){row, block_of(comparison, first, i)};
        } else if (!row->lacks_pass) {
            show->hidden[row->call][row->metric->family]++;
        }
    }
    qsort(ordered, show->count, sizeof(*ordered), by_block);
    for (size_t i = 0; i < show->count; i++) {
        show->rows[i] = ordered[i].row;
    }
    free(ordered);
}

void pab_show_fini(struct pab_show *show)
{
    free(show->rows);
    show->rows = NULL;
    show->count = 0;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *pab_show_verdict(const struct pab_comparison *comparison, const struct pab_row *row,
                             char out[PAB_VERDICT_MAX])
{
    const char *word = pab_call_word(row->call, row->metric->family);
    bool is_advisory = comparison->control_failed && row->metric->family == PAB_FAMILY_TIME &&
                       row->call != PAB_CALL_NOT_JUDGED;
    snprintf(out, PAB_VERDICT_MAX, "%s%s%s%s", word, is_advisory ? " (advisory)" : "",
             word[0] != '\0' && row->why[0] != '\0' ? ": " : "", row->why);
    return out;
}

const char *pab_show_label(const struct pab_row *row, char out[PAB_VERDICT_MAX])
{
    snprintf(out, PAB_VERDICT_MAX, "%s%s%s", row->label, row->host == NULL ? "" : ", host ",
             row->host == NULL ? "" : row->host);
    return out;
}

/* "3 slower, 1 larger, 2 cannot tell": what is called by one word is one count. */
static size_t tally(size_t counts[PAB_CALL_COUNT][PAB_FAMILY_COUNT], char *out, size_t size)
{
    static const enum pab_call calls[] = {PAB_CALL_FAILED,    PAB_CALL_WORSE,      PAB_CALL_BETTER,
                                          PAB_CALL_UNDECIDED, PAB_CALL_EQUIVALENT, PAB_CALL_NEW,
                                          PAB_CALL_GONE,      PAB_CALL_NOT_JUDGED};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        size_t sum = 0;
        for (size_t f = 0; f < PAB_FAMILY_COUNT; f++) {
            sum += counts[calls[i]][f];
            bool is_last = f + 1 == PAB_FAMILY_COUNT;
            const char *word = pab_call_word(calls[i], (enum pab_family)f);
            if (sum > 0 && used < size && (is_last || is_change(calls[i]))) {
                used += (size_t)snprintf(out + used, size - used, "%s%zu %s", used == 0 ? "" : ", ",
                                         sum, word[0] == '\0' ? "not judged" : word);
                sum = 0;
            }
        }
    }
    return used;
}

const char *pab_show_tally(const struct pab_show *show, char out[PAB_VERDICT_MAX])
{
    size_t counts[PAB_CALL_COUNT][PAB_FAMILY_COUNT] = {{0}};
    for (size_t i = 0; i < show->count; i++) {
        if (show->rows[i]->call != PAB_CALL_NOT_JUDGED) {
            counts[show->rows[i]->call][show->rows[i]->metric->family]++;
        }
    }
    if (tally(counts, out, PAB_VERDICT_MAX) == 0) {
        snprintf(out, PAB_VERDICT_MAX, "nothing was judged");
    }
    return out;
}

/* "Not shown: 30 equivalent, 12 not judged." */
static bool legend_of_hidden(const struct pab_show *show, char out[PAB_VERDICT_MAX])
{
    char counts[PAB_VERDICT_MAX - 60];
    size_t hidden[PAB_CALL_COUNT][PAB_FAMILY_COUNT];
    memcpy(hidden, show->hidden, sizeof(hidden));
    bool is_any = tally(hidden, counts, sizeof(counts)) > 0;
    snprintf(out, PAB_VERDICT_MAX, "Not shown: %s; --all or --metrics shows them.", counts);
    return is_any;
}

size_t pab_show_legend(const struct pab_show *show, char lines[][PAB_VERDICT_MAX], size_t most)
{
    const struct pab_rules *rules = &show->comparison->rules;
    const char *baseline = show->comparison->baseline;
    char time_floor[PAB_FIGURE_MAX];
    char memory_floor[PAB_FIGURE_MAX];
    PAB_CHECK(most >= 4);
    snprintf(lines[0], PAB_VERDICT_MAX,
             "ratio: over %s; below 1 is faster or smaller. In brackets, of times the %.3g %% "
             "interval, of all else the range.",
             baseline != NULL ? baseline : "base", 100 * rules->level);
    snprintf(lines[1], PAB_VERDICT_MAX,
             "A change counts beyond %s of time (p < %g, adjusted over all rows of times) or %s of "
             "memory (ranges apart).",
             pab_words_percent(rules->floor[PAB_FAMILY_TIME], time_floor), rules->alpha,
             pab_words_percent(rules->floor[PAB_FAMILY_MEMORY], memory_floor));
    snprintf(lines[2], PAB_VERDICT_MAX,
             "equivalent: surely within these. cannot tell is not equal: it says which changes "
             "would probably go unseen.");
    return legend_of_hidden(show, lines[3]) ? 4 : 3;
}
