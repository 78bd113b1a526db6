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

static bool is_shown(const struct pab_gate_page *page, const struct pab_gate_item *item)
{
    return page->is_verbose ? item->finding != PAB_FINDING_SHOWN : !pab_gate_is_quiet(item);
}

static struct widths measure(const struct pab_gate_page *page)
{
    const struct pab_gate_verdict *verdict = page->the_case->verdict;
    struct widths widths = {
        .workload = (int)strlen("workload"),
        .label = (int)strlen("backend"),
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
        widths.label = wider(widths.label, line.label);
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
    fprintf(file, "  %-*s  %-*s  %-*s  %*s  %*s  %*s  %-*s  %s\n", widths->workload, line->workload,
            widths->label, line->label, widths->metric, line->metric, widths->base, line->base,
            widths->head, line->head, widths->change, line->change, widths->interval,
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

/* What the table leaves out because it is in order, by family. */
static void print_quiet(FILE *file, const struct pab_gate_page *page)
{
    const struct pab_gate_verdict *verdict = page->the_case->verdict;
    const double *numbers = page->the_case->settings.numbers;
    size_t quiet[PAB_FAMILY_COUNT] = {0};
    char memory[PAB_FIGURE_MAX];
    char instructions[PAB_FIGURE_MAX];
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        quiet[item->family] += item->finding == PAB_FINDING_GOOD && !is_shown(page, item);
    }
    size_t all =
        quiet[PAB_FAMILY_MEMORY] + quiet[PAB_FAMILY_STRUCTURE] + quiet[PAB_FAMILY_INSTRUCTIONS];
    if (all > 0) {
        fprintf(file,
                "  and in order: %zu more figures of memory (limit %s), %zu of instructions (%s), "
                "%zu of structure (equal)\n",
                quiet[PAB_FAMILY_MEMORY], pab_words_percent(numbers[PAB_GATE_MEMORY_LIMIT], memory),
                quiet[PAB_FAMILY_INSTRUCTIONS],
                pab_words_percent(numbers[PAB_GATE_INSTRUCTIONS_LIMIT], instructions),
                quiet[PAB_FAMILY_STRUCTURE]);
    }
}

bool pab_gate_show_table(FILE *file, const void *arg)
{
    const struct pab_gate_page *page = arg;
    const struct pab_gate_case *the_case = page->the_case;
    char side[PAB_GATE_WORD_MAX];
    char sentence[PAB_GATE_SENTENCE_MAX];
    fprintf(file, "base: %s\n", pab_gate_side_text(the_case, false, side));
    fprintf(file, "head: %s\n\n", pab_gate_side_text(the_case, true, side));
    print_rows(file, page);
    print_quiet(file, page);
    for (size_t i = 0; i < the_case->first->note_count; i++) {
        fprintf(file, "  note: %s\n", the_case->first->notes[i]);
    }
    fprintf(file, "\n%s\n", pab_gate_sentence(the_case, sentence));
    return ferror(file) == 0;
}
