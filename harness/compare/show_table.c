/* harness/compare/show_table.c -- for the terminal. */
#include "harness/compare/levels.h"
#include "harness/compare/show.h"
#include "harness/compare/words.h"

#include "harness/text.h"

#include <math.h>
#include <string.h>

#define COLOUR_OFF "\033[0m"

/* Columns follow what stands in them. */
struct layout {
    unsigned width; /* of a line */
    unsigned label, base, head, ratio, interval, word;
};

enum { INDENT = 4, GAP = 2, LABEL_LEAST = 14, WORD_MOST = 24 };

static bool is_within(const struct pab_show *show)
{
    return show->comparison->baseline != NULL;
}

static bool is_baseline(const struct pab_show *show, const struct pab_row *row)
{
    return is_within(show) && strcmp(row->label, show->comparison->baseline) == 0;
}

/* --- what stands in a row ---------------------------------------------------------------------- */

static const char *base_text(const struct pab_show *show, const struct pab_row *row,
                             char out[PAB_FIGURE_MAX])
{
    out[0] = '\0';
    return is_within(show) || row->workload == NULL
               ? out
               : pab_words_figure(row->base, row->metric->unit, out);
}

static const char *head_text(const struct pab_row *row, char out[PAB_FIGURE_MAX])
{
    if (row->workload != NULL) {
        return pab_words_figure(row->head, row->metric->unit, out);
    }
    snprintf(out, PAB_FIGURE_MAX, "%zu", row->workloads);
    return out;
}

static const char *interval_text(const struct pab_show *show, const struct pab_row *row,
                                 char out[PAB_FIGURE_MAX])
{
    out[0] = '\0';
    return is_baseline(show, row) ? out : pab_words_interval(row->lo, row->hi, out);
}

/* "cannot tell (advisory)": a verdict without its reason. */
static size_t word_length(const struct pab_row *row, const char *verdict)
{
    size_t length = strlen(verdict);
    size_t why = strlen(row->why);
    return why > 0 && length > why + 2 ? length - why - 2 : length;
}

static void widen(unsigned *width, const char *text)
{
    unsigned length = (unsigned)strlen(text);
    *width = length > *width ? length : *width;
}

static struct layout lay_out(const struct pab_show *show)
{
    struct layout out = {
        .width = pab_text_width(),
        .label = LABEL_LEAST,
        .base = is_within(show) ? 0 : (unsigned)strlen("base"),
        .head = (unsigned)strlen("value"),
        .ratio = (unsigned)strlen("ratio"),
    };
    for (size_t i = 0; i < show->count; i++) {
        const struct pab_row *row = show->rows[i];
        char label[PAB_VERDICT_MAX];
        char text[PAB_FIGURE_MAX];
        widen(&out.label, pab_show_label(row, label));
        widen(&out.label, row->metric->name);
        widen(&out.base, base_text(show, row, text));
        widen(&out.head, row->workload == NULL ? "workloads" : head_text(row, text));
        widen(&out.ratio, pab_words_ratio(row->ratio, text));
        widen(&out.interval, interval_text(show, row, text));
        size_t word = word_length(row, pab_show_verdict(show->comparison, row, label));
        out.word = word > out.word && word < WORD_MOST ? (unsigned)word : out.word;
    }
    unsigned rest = INDENT + (out.base > 0 ? GAP + out.base : 0) + GAP + out.head + GAP +
                    out.ratio + GAP + out.interval + GAP + out.word;
    unsigned room = out.width > rest + LABEL_LEAST ? out.width - rest : LABEL_LEAST;
    out.label = out.label < room ? out.label : room;
    return out;
}

/* A name that reaches into the figures has a line of its own. */
static void print_name(FILE *file, unsigned indent, const char *name, const struct layout *layout)
{
    unsigned end = INDENT + layout->label;
    fprintf(file, "%*s%s", (int)indent, "", name);
    unsigned column = indent + (unsigned)strlen(name);
    if (column > end) {
        fprintf(file, "\n");
        column = 0;
    }
    fprintf(file, "%*s", (int)(end - column), "");
}

static void print_cell(FILE *file, unsigned width, const char *text)
{
    if (width > 0) {
        fprintf(file, "%*s%*s", GAP, "", (int)width, text);
    }
}

static void print_block_head(FILE *file, const struct pab_show *show, const struct pab_row *row,
                             const struct layout *layout)
{
    bool is_suite = row->workload == NULL;
    print_name(file, INDENT / 2, row->metric->name, layout);
    print_cell(file, layout->base, is_suite ? "" : "base");
    print_cell(file, layout->head, is_suite ? "workloads" : is_within(show) ? "value" : "head");
    print_cell(file, layout->ratio, "ratio");
    fprintf(file, "\n");
}

static const char *colour_of(enum pab_call call)
{
    return call == PAB_CALL_BETTER                                                      ? "\033[32m"
           : call == PAB_CALL_WORSE || call == PAB_CALL_FAILED || call == PAB_CALL_GONE ? "\033[31m"
                                                                                        : "";
}

/* Behind the figures and the interval what fits there: all, or its word; the rest below. */
static void print_verdict(FILE *file, const struct pab_show *show, const struct pab_row *row,
                          const struct layout *layout, unsigned column)
{
    char verdict[PAB_VERDICT_MAX];
    char interval[PAB_FIGURE_MAX];
    const char *colour = show->has_colour ? colour_of(row->call) : "";
    pab_show_verdict(show->comparison, row, verdict);
    interval_text(show, row, interval);
    unsigned used = column + GAP + layout->interval + GAP;
    unsigned room = layout->width > used ? layout->width - used : 0;
    size_t length = strlen(verdict);
    if (length > room) {
        length = word_length(row, verdict);
        length = length > room || length == strlen(verdict) ? 0 : length;
    }
    if (length > 0) {
        fprintf(file, "%*s%-*s%*s%s%.*s%s\n", GAP, "", (int)layout->interval, interval, GAP, "",
                colour, (int)length, verdict, colour[0] == '\0' ? "" : COLOUR_OFF);
    } else {
        fprintf(file, "%*s%s\n", interval[0] == '\0' ? 0 : GAP, "", interval);
    }
    const char *below = verdict + length;
    below += length > 0 ? strspn(below, ": ") : 0;
    if (below[0] != '\0') {
        pab_text_print(file, "", INDENT + GAP, below);
    }
}

static void print_row(FILE *file, const struct pab_show *show, const struct pab_row *row,
                      const struct layout *layout)
{
    char label[PAB_VERDICT_MAX];
    char text[PAB_FIGURE_MAX];
    print_name(file, INDENT, pab_show_label(row, label), layout);
    print_cell(file, layout->base, base_text(show, row, text));
    print_cell(file, layout->head, head_text(row, text));
    print_cell(file, layout->ratio, pab_words_ratio(row->ratio, text));
    unsigned column = INDENT + layout->label + GAP + layout->head + GAP + layout->ratio;
    print_verdict(file, show, row, layout, column + (layout->base > 0 ? GAP + layout->base : 0));
}

static void print_title(FILE *file, const struct pab_show *show)
{
    char tally[PAB_VERDICT_MAX];
    char advice[PAB_VERDICT_MAX + 80];
    const struct pab_comparison *comparison = show->comparison;
    fprintf(file, PAB_SHOW_TABLE_HEAD);
    if (comparison->baseline != NULL) {
        fprintf(file, "%s, against %s\n", pab_reading_path(show->base), comparison->baseline);
    } else {
        fprintf(file, "base %s, head %s\n", pab_reading_path(show->base),
                pab_reading_path(show->head));
    }
    snprintf(advice, sizeof(advice), "%s%s", pab_show_tally(show, tally),
             comparison->control_failed ? "; advisory where of time: the A/A control failed" : "");
    pab_text_print(file, "", 0, advice);
}

static void print_rows(FILE *file, const struct pab_show *show, const struct layout *layout)
{
    for (size_t i = 0; i < show->count; i++) {
        const struct pab_row *row = show->rows[i];
        const struct pab_row *above = i == 0 ? NULL : show->rows[i - 1];
        if (above == NULL || above->workload != row->workload) {
            fprintf(file, "\n%s%s\n",
                    row->workload == NULL ? "all workloads (geometric mean)" : row->workload,
                    row->is_oversubscribed ? " (oversubscribed)" : "");
        }
        if (above == NULL || !pab_show_same_block(above, row)) {
            print_block_head(file, show, row, layout);
        }
        print_row(file, show, row, layout);
    }
}

/* --- insertion levels ------------------------------------------------------------------------- */

/* The mean over all workloads; of one workload its own row. */
static struct pab_level_ratios ratios_of(const void *arg, const char *backend)
{
    const struct pab_show *show = arg;
    const struct pab_comparison *comparison = show->comparison;
    bool is_single = pab_reading_workloads(show->base) == 1;
    struct pab_level_ratios out = {NAN, NAN};
    for (size_t i = 0; i < comparison->count; i++) {
        const struct pab_row *row = &comparison->rows[i];
        bool is_wanted = (row->workload == NULL) != is_single && row->host == NULL &&
                         strcmp(row->label, backend) == 0;
        if (is_wanted && row->is_clock) {
            out.time = row->ratio;
        } else if (is_wanted && strcmp(row->metric->name, "peak_rss_bytes") == 0) {
            out.memory = row->ratio;
        }
    }
    return out;
}

static void print_levels(FILE *file, const struct pab_show *show)
{
    if (is_within(show)) {
        const json_t *run = pab_reading_run(show->base);
        struct pab_levels levels = {json_object_get(run, "backends"), ratios_of, show,
                                    show->comparison->control_failed};
        pab_levels_print(file, &levels);
    }
}

bool pab_show_table(FILE *file, const void *arg)
{
    const struct pab_show *show = arg;
    char legend[4][PAB_VERDICT_MAX];
    struct layout layout = lay_out(show);
    print_title(file, show);
    print_rows(file, show, &layout);
    print_levels(file, show);
    fprintf(file, "\n");
    size_t lines = pab_show_legend(show, legend, ARRAY_COUNT(legend));
    for (size_t i = 0; i < lines; i++) {
        pab_text_print(file, "", 0, legend[i]);
    }
    for (size_t i = 0; i < show->comparison->note_count; i++) {
        pab_text_print(file, "note: ", (unsigned)strlen("note: "), show->comparison->notes[i]);
    }
    return ferror(file) == 0;
}
