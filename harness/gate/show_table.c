/* harness/gate/show_table.c -- a gate on the terminal. */
#include "harness/compare/words.h"
#include "harness/gate/show.h"

#include <string.h>

/* Columns of the widest cell of each kind. */
struct widths {
    int workload, label, metric, base, head, change, interval;
};

static int wider(int width, const char *text)
{
    int length = (int)strlen(text);
    return length > width ? length : width;
}

static bool is_judged(const struct pab_gate_item *item)
{
    return item->finding != PAB_FINDING_SHOWN;
}

static bool is_loud(const struct pab_gate_item *item)
{
    return !pab_gate_is_quiet(item);
}

static bool is_shown(const struct pab_gate_page *page, const struct pab_gate_item *item)
{
    return page->is_verbose ? is_judged(item) : is_loud(item);
}

static struct widths measure(const struct pab_gate_page *page)
{
    const struct pab_gate_verdict *verdict = page->the_case->verdict;
    bool has_labels = pab_gate_only_label(verdict) == NULL;
    struct widths widths = {
        .workload = (int)strlen("workload"),
        .metric = (int)strlen("figure"),
        .base = (int)strlen("base"),
        .head = (int)strlen("head"),
        .change = (int)strlen("change"),
    };
    for (size_t i = 0; i < verdict->count; i++) {
        struct pab_gate_line line;
        if (!is_shown(page, &verdict->items[i])) {
            continue;
        }
        pab_gate_line_make(&verdict->items[i], &line);
        widths.workload = wider(widths.workload, line.workload);
        widths.label = has_labels ? wider(wider(widths.label, "backend"), line.label) : 0;
        widths.metric = wider(widths.metric, line.metric);
        widths.base = wider(widths.base, line.base);
        widths.head = wider(widths.head, line.head);
        widths.change = wider(widths.change, line.change);
        widths.interval = wider(widths.interval, line.interval);
    }
    return widths;
}

static void print_line(FILE *file, const struct widths *widths, const struct pab_gate_line *line)
{
    fprintf(file, "  %-*s  ", widths->workload, line->workload);
    if (widths->label > 0) {
        fprintf(file, "%-*s  ", widths->label, line->label);
    }
    fprintf(file, "%-*s  %*s  %*s  %*s  %-*s  %s\n", widths->metric, line->metric, widths->base,
            line->base, widths->head, line->head, widths->change, line->change, widths->interval,
            line->interval, line->verdict);
}

static void print_rows(FILE *file, const struct pab_gate_page *page)
{
    static const struct pab_gate_line head = {
        .workload = "workload",
        .label = "backend",
        .metric = "figure",
        .base = "base",
        .head = "head",
        .change = "change",
    };
    const struct pab_gate_verdict *verdict = page->the_case->verdict;
    struct widths widths = measure(page);
    bool is_first = true;
    for (size_t i = 0; i < verdict->count; i++) {
        struct pab_gate_line line;
        if (is_shown(page, &verdict->items[i])) {
            if (is_first) {
                print_line(file, &widths, &head);
                is_first = false;
            }
            pab_gate_line_make(&verdict->items[i], &line);
            print_line(file, &widths, &line);
        }
    }
}

bool pab_gate_show_table(FILE *file, const void *arg)
{
    const struct pab_gate_page *page = arg;
    const struct pab_gate_case *the_case = page->the_case;
    const char *label = pab_gate_only_label(the_case->verdict);
    char quiet[PAB_GATE_WORD_MAX];
    char side[PAB_GATE_WORD_MAX];
    char sentence[PAB_GATE_SENTENCE_MAX];
    fprintf(file, "base: %s\n", pab_gate_side_text(the_case, false, side));
    fprintf(file, "head: %s\n", pab_gate_side_text(the_case, true, side));
    fprintf(file, "%s%s%s\n", label == NULL ? "" : "backend: ", label == NULL ? "" : label,
            label == NULL ? "" : "\n");
    print_rows(file, page);
    if (pab_gate_quiet_text(the_case, page->is_verbose ? is_judged : is_loud, quiet)[0] != '\0') {
        fprintf(file, "  %s\n", quiet);
    }
    for (size_t i = 0; i < the_case->first->note_count; i++) {
        fprintf(file, "  note: %s\n", the_case->first->notes[i]);
    }
    fprintf(file, "\n%s\n", pab_gate_sentence(the_case, sentence));
    return ferror(file) == 0;
}
