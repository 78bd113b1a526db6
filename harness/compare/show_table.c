/* harness/compare/show_table.c -- for the terminal. */
#include "harness/compare/show.h"
#include "harness/compare/words.h"

#include <string.h>

enum { LABEL_MIN = 14, LABEL_MAX = 48, FIGURE = 11, RATIO = 7, INTERVAL = 16 };

static int widest_label(const struct pab_show *show)
{
    size_t width = LABEL_MIN;
    for (size_t i = 0; i < show->count; i++) {
        char label[PAB_VERDICT_MAX];
        size_t length = strlen(pab_show_label(show->rows[i], label));
        width = length > width ? length : width;
    }
    return width < LABEL_MAX ? (int)width : LABEL_MAX;
}

static bool is_within(const struct pab_show *show)
{
    return show->comparison->baseline != NULL;
}

static void print_block_head(FILE *file, const struct pab_show *show, const struct pab_row *row,
                             int width)
{
    fprintf(file, "  %-*s", width + 2, row->metric->name);
    if (row->workload == NULL) {
        fprintf(file, " %*s", FIGURE, "workloads");
    } else if (is_within(show)) {
        fprintf(file, " %*s", FIGURE, "value");
    } else {
        fprintf(file, " %*s %*s", FIGURE, "base", FIGURE, "head");
    }
    fprintf(file, " %*s\n", RATIO, "ratio");
}

static const char *colour_of(enum pab_call call)
{
    return call == PAB_CALL_BETTER                                                      ? "\033[32m"
           : call == PAB_CALL_WORSE || call == PAB_CALL_FAILED || call == PAB_CALL_GONE ? "\033[31m"
                                                                                        : "";
}

static void print_figures(FILE *file, const struct pab_show *show, const struct pab_row *row)
{
    char text[PAB_FIGURE_MAX];
    const char *unit = row->metric->unit;
    if (row->workload == NULL) {
        fprintf(file, " %*zu", FIGURE, row->workloads);
        return;
    }
    if (!is_within(show)) {
        fprintf(file, " %*s", FIGURE, pab_words_figure(row->base, unit, text));
    }
    fprintf(file, " %*s", FIGURE, pab_words_figure(row->head, unit, text));
}

static void print_row(FILE *file, const struct pab_show *show, const struct pab_row *row, int width)
{
    char label[PAB_VERDICT_MAX];
    char ratio[PAB_FIGURE_MAX];
    char interval[PAB_FIGURE_MAX];
    char verdict[PAB_VERDICT_MAX];
    const char *colour = show->has_colour ? colour_of(row->call) : "";
    bool is_baseline = is_within(show) && strcmp(row->label, show->comparison->baseline) == 0;
    pab_words_interval(row->lo, row->hi, interval);
    pab_show_verdict(show->comparison, row, verdict);
    fprintf(file, "    %-*s", width, pab_show_label(row, label));
    print_figures(file, show, row);
    fprintf(file, " %*s", RATIO, pab_words_ratio(row->ratio, ratio));
    if (verdict[0] == '\0') {
        fprintf(file, "%s%s\n", is_baseline || interval[0] == '\0' ? "" : "  ",
                is_baseline ? "" : interval);
    } else {
        fprintf(file, "  %-*s  %s%s%s\n", INTERVAL, is_baseline ? "" : interval, colour, verdict,
                colour[0] == '\0' ? "" : "\033[0m");
    }
}

static void print_title(FILE *file, const struct pab_show *show)
{
    char tally[PAB_VERDICT_MAX];
    const struct pab_comparison *comparison = show->comparison;
    fprintf(file, PAB_SHOW_TABLE_HEAD);
    if (comparison->baseline != NULL) {
        fprintf(file, "%s, against %s\n", pab_reading_path(show->base), comparison->baseline);
    } else {
        fprintf(file, "base %s, head %s\n", pab_reading_path(show->base),
                pab_reading_path(show->head));
    }
    fprintf(file, "%s%s\n", pab_show_tally(show, tally),
            comparison->control_failed ? "; advisory where of time: the A/A control failed" : "");
}

bool pab_show_table(FILE *file, const void *arg)
{
    const struct pab_show *show = arg;
    char legend[4][PAB_VERDICT_MAX];
    int width = widest_label(show);
    print_title(file, show);
    for (size_t i = 0; i < show->count; i++) {
        const struct pab_row *row = show->rows[i];
        const struct pab_row *above = i == 0 ? NULL : show->rows[i - 1];
        if (above == NULL || above->workload != row->workload) {
            fprintf(file, "\n%s\n",
                    row->workload == NULL ? "all workloads (geometric mean)" : row->workload);
        }
        if (above == NULL || !pab_show_same_block(above, row)) {
            print_block_head(file, show, row, width);
        }
        print_row(file, show, row, width);
    }
    fprintf(file, "\n");
    size_t lines = pab_show_legend(show, legend, ARRAY_COUNT(legend));
    for (size_t i = 0; i < lines; i++) {
        fprintf(file, "%s\n", legend[i]);
    }
    for (size_t i = 0; i < show->comparison->note_count; i++) {
        fprintf(file, "note: %s\n", show->comparison->notes[i]);
    }
    return ferror(file) == 0;
}
