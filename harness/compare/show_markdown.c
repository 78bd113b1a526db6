/* harness/compare/show_markdown.c -- for a pull request. */
#include "harness/compare/show.h"
#include "harness/compare/words.h"
#include "harness/markup.h"

static bool is_within(const struct pab_show *show)
{
    return show->comparison->baseline != NULL;
}

static void print_head(FILE *file, const struct pab_show *show)
{
    fprintf(file, "| workload | metric | backend |%s | ratio | | verdict |\n",
            is_within(show) ? " value" : " base | head");
    fprintf(file, "|:---|:---|:---|%s---:|---:|:---|:---|\n", is_within(show) ? "" : "---:|");
}

static void print_figures(FILE *file, const struct pab_show *show, const struct pab_row *row)
{
    char text[PAB_FIGURE_MAX];
    const char *unit = row->metric->unit;
    bool is_suite = row->workload == NULL;
    if (!is_within(show)) {
        fprintf(file, " %s |", is_suite ? "" : pab_words_figure(row->base, unit, text));
    }
    fprintf(file, " %s |", is_suite ? "" : pab_words_figure(row->head, unit, text));
}

static void print_row(FILE *file, const struct pab_show *show, const struct pab_row *row)
{
    char label[PAB_VERDICT_MAX];
    char ratio[PAB_FIGURE_MAX];
    char interval[PAB_FIGURE_MAX];
    char verdict[PAB_VERDICT_MAX];
    bool is_bad =
        row->call == PAB_CALL_WORSE || row->call == PAB_CALL_FAILED || row->call == PAB_CALL_GONE;
    fprintf(file, "| ");
    if (row->workload == NULL) {
        fprintf(file, "all %zu", row->workloads);
    } else {
        pab_markdown_text(file, row->workload);
        fputs(row->is_oversubscribed ? " (oversubscribed)" : "", file);
    }
    fprintf(file, " | ");
    pab_markdown_text(file, row->metric->name);
    fprintf(file, " | ");
    pab_markdown_text(file, pab_show_label(row, label));
    fprintf(file, " |");
    print_figures(file, show, row);
    fprintf(file, " %s | %s | %s", pab_words_ratio(row->ratio, ratio),
            pab_words_interval(row->lo, row->hi, interval), is_bad ? "**" : "");
    pab_markdown_text(file, pab_show_verdict(show->comparison, row, verdict));
    fprintf(file, "%s |\n", is_bad ? "**" : "");
}

static bool is_news(const struct pab_row *row)
{
    return row->call == PAB_CALL_WORSE || row->call == PAB_CALL_BETTER ||
           row->call == PAB_CALL_FAILED || row->call == PAB_CALL_GONE || row->call == PAB_CALL_NEW;
}

static void print_rows(FILE *file, const struct pab_show *show, bool news)
{
    size_t count = 0;
    for (size_t i = 0; i < show->count; i++) {
        count += is_news(show->rows[i]) == news ? 1 : 0;
    }
    if (count == 0) {
        return;
    }
    if (!news) {
        fprintf(file, "<details><summary>%zu rows without a change</summary>\n\n", count);
    }
    print_head(file, show);
    for (size_t i = 0; i < show->count; i++) {
        if (is_news(show->rows[i]) == news) {
            print_row(file, show, show->rows[i]);
        }
    }
    fprintf(file, "%s\n", news ? "" : "\n</details>\n");
}

static void print_title(FILE *file, const struct pab_show *show)
{
    char tally[PAB_VERDICT_MAX];
    fprintf(file, PAB_SHOW_MARKDOWN_HEAD "**%s**", pab_show_tally(show, tally));
    if (is_within(show)) {
        fprintf(file, ", against ");
        pab_markdown_text(file, show->comparison->baseline);
        fprintf(file, ", in ");
        pab_markdown_text(file, pab_reading_path(show->base));
    } else {
        fprintf(file, ": base ");
        pab_markdown_text(file, pab_reading_path(show->base));
        fprintf(file, ", head ");
        pab_markdown_text(file, pab_reading_path(show->head));
    }
    fprintf(file, "\n\n");
    if (show->comparison->control_failed) {
        fprintf(file, "**The A/A control failed: every verdict on time is advisory.**\n\n");
    }
    if (show->comparison->forced) {
        fprintf(file, "**Forced: machines or builds are not the same.**\n\n");
    }
}

bool pab_show_markdown(FILE *file, const void *arg)
{
    const struct pab_show *show = arg;
    char legend[4][PAB_VERDICT_MAX];
    print_title(file, show);
    print_rows(file, show, true);
    print_rows(file, show, false);
    size_t lines = pab_show_legend(show, legend, ARRAY_COUNT(legend));
    for (size_t i = 0; i < lines; i++) {
        pab_markdown_text(file, legend[i]);
        fprintf(file, "\n");
    }
    fprintf(file, "\n");
    for (size_t i = 0; i < show->comparison->note_count; i++) {
        fprintf(file, "- ");
        pab_markdown_text(file, show->comparison->notes[i]);
        fprintf(file, "\n");
    }
    return ferror(file) == 0;
}
