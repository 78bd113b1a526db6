/* harness/gate/show_table.c -- a gate on the terminal. */
#include "harness/gate/show.h"
#include "harness/text.h"

#include <string.h>

#define METRIC_MOST 24 /* longer names, of counts, may push their figures aside */

/* Columns of the widest cell of each kind. */
struct widths {
    int metric, base, head, change;
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
    struct widths widths = {
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
        widths.metric = wider(widths.metric, line.metric);
        widths.base = wider(widths.base, line.base);
        widths.head = wider(widths.head, line.head);
        widths.change = wider(widths.change, line.change);
    }
    widths.metric = widths.metric < METRIC_MOST ? widths.metric : METRIC_MOST;
    return widths;
}

/* The interval and the verdict behind the figures, or below them where there is no room. */
static void print_line(FILE *file, const struct widths *widths, const struct pab_gate_line *line)
{
    char head[300];
    char tail[sizeof(line->interval) + sizeof(line->verdict) + 2];
    bool is_both = line->interval[0] != '\0' && line->verdict[0] != '\0';
    snprintf(head, sizeof(head), "  %-*s  %*s  %*s  %*s", widths->metric, line->metric,
             widths->base, line->base, widths->head, line->head, widths->change, line->change);
    snprintf(tail, sizeof(tail), "%s%s%s", line->interval, is_both ? "  " : "", line->verdict);
    if (head[strspn(head, " ")] == '\0') { /* a failure of all that there is */
        pab_text_print(file, "", 2, tail);
    } else if (strlen(head) + 2 + strlen(tail) <= pab_text_width()) {
        fprintf(file, "%s%s%s\n", head, tail[0] == '\0' ? "" : "  ", tail);
    } else {
        bool fits = strlen(head) + 2 + strlen(line->interval) <= pab_text_width();
        fprintf(file, "%s%s%s\n", head, is_both && fits ? "  " : "",
                is_both && fits ? line->interval : "");
        pab_text_print(file, "", 6, is_both && fits ? line->verdict : tail);
    }
}

static bool is_of_one_cell(const struct pab_gate_item *a, const struct pab_gate_item *b)
{
    return pab_text_is_same(a->workload, b->workload) && pab_text_is_same(a->label, b->label);
}

static void print_cell_head(FILE *file, const struct pab_gate_line *line, bool has_labels)
{
    char text[sizeof(line->workload) + sizeof(line->label) + 8];
    snprintf(text, sizeof(text), "%s%s%s", line->workload, has_labels ? " on " : "",
             has_labels ? line->label : "");
    pab_text_print(file, "", 0, text);
}

/* Cell by cell: a head of its own, then its figures. */
static void print_rows(FILE *file, const struct pab_gate_page *page)
{
    static const struct pab_gate_line head = {.base = "base", .head = "head", .change = "change"};
    const struct pab_gate_verdict *verdict = page->the_case->verdict;
    bool has_labels = pab_gate_only_label(verdict) == NULL;
    const struct pab_gate_item *last = NULL;
    struct widths widths = measure(page);
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        struct pab_gate_line line;
        if (!is_shown(page, item)) {
            continue;
        }
        pab_gate_line_make(item, &line);
        if (last == NULL && widths.metric > 0) {
            print_line(file, &widths, &head);
        }
        if (last == NULL || !is_of_one_cell(last, item)) {
            print_cell_head(file, &line, has_labels);
        }
        print_line(file, &widths, &line);
        last = item;
    }
}

bool pab_gate_show_table(FILE *file, const void *arg)
{
    const struct pab_gate_page *page = arg;
    const struct pab_gate_case *the_case = page->the_case;
    const char *label = pab_gate_only_label(the_case->verdict);
    const char *again = pab_gate_again_text(the_case->verdict);
    char quiet[PAB_GATE_WORD_MAX];
    char side[PAB_GATE_WORD_MAX];
    char sentence[PAB_GATE_SENTENCE_MAX];
    pab_text_print(file, "base: ", 6, pab_gate_side_text(the_case, false, side));
    pab_text_print(file, "head: ", 6, pab_gate_side_text(the_case, true, side));
    if (label != NULL) {
        pab_text_print(file, "backend: ", 9, label);
    }
    fputs("\n", file);
    print_rows(file, page);
    if (pab_gate_quiet_text(the_case, page->is_verbose ? is_judged : is_loud, quiet)[0] != '\0') {
        pab_text_print(file, "", 0, quiet);
    }
    if (again[0] != '\0') {
        pab_text_print(file, "note: ", 6, again);
    }
    for (size_t i = 0; i < the_case->first->note_count; i++) {
        pab_text_print(file, "note: ", 6, the_case->first->notes[i]);
    }
    fputs("\n", file);
    pab_text_print(file, "", 0, pab_gate_sentence(the_case, sentence));
    return ferror(file) == 0;
}
