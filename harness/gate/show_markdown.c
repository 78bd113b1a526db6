/* harness/gate/show_markdown.c -- a gate for a pull request. */
#include "harness/compare/words.h"
#include "harness/gate/show.h"
#include "harness/json_text.h"
#include "harness/markup.h"

#define BYTES_MAX 60000L /* GitHub takes 65,536 in a comment */
#define NEWS_MAX  40u    /* rows above the fold */

static void print_cell(FILE *file, const char *text)
{
    fputs(" ", file);
    pab_markdown_text(file, text);
    fputs(" |", file);
}

static void print_row(FILE *file, const struct pab_gate_item *item, bool has_label)
{
    struct pab_gate_line line;
    bool is_bad = item->finding == PAB_FINDING_BROKEN || item->finding == PAB_FINDING_REGRESSION;
    pab_gate_line_make(item, &line);
    fputs("|", file);
    print_cell(file, line.workload);
    if (has_label) {
        print_cell(file, line.label);
    }
    print_cell(file, line.metric);
    print_cell(file, line.base);
    print_cell(file, line.head);
    print_cell(file, line.change);
    print_cell(file, line.interval);
    fputs(is_bad ? " **" : " ", file);
    pab_markdown_text(file, line.verdict);
    fputs(is_bad ? "** |\n" : " |\n", file);
}

/* Those that `wants` likes, as many as there is room for. */
static void print_rows(FILE *file, const struct pab_gate_verdict *verdict,
                       bool (*wants)(const struct pab_gate_item *item), size_t most)
{
    size_t rows = 0;
    size_t left_out = 0;
    bool has_label = pab_gate_only_label(verdict) == NULL;
    for (size_t i = 0; i < verdict->count; i++) {
        if (!wants(&verdict->items[i])) {
            continue;
        }
        if (rows >= most || ftell(file) > BYTES_MAX) {
            left_out++;
            continue;
        }
        if (rows++ == 0) {
            fprintf(file,
                    "| workload |%s figure | base | head | change | 95 %% interval | verdict |\n"
                    "|:---|%s:---|---:|---:|---:|:---|:---|\n",
                    has_label ? " backend |" : "", has_label ? ":---|" : "");
        }
        print_row(file, &verdict->items[i], has_label);
    }
    if (left_out > 0) {
        fprintf(file, "\n%zu more rows are in the document.\n", left_out);
    }
    fputs(rows > 0 ? "\n" : "", file);
}

/* That hundreds of counts are equal is told in a number. */
static bool is_listed(const struct pab_gate_item *item)
{
    bool is_equal = item->family == PAB_FAMILY_STRUCTURE && item->finding == PAB_FINDING_GOOD;
    return item->finding != PAB_FINDING_SHOWN && !is_equal;
}

static void print_summary(FILE *file, const struct pab_gate_case *the_case)
{
    static const char *const marks[] = {
        [PAB_GATE_BROKEN] = "❌",       [PAB_GATE_REGRESSION] = "❌", [PAB_GATE_NOT_COMPARABLE] = "❔",
        [PAB_GATE_INCONCLUSIVE] = "❔", [PAB_GATE_GOOD] = "✅",
    };
    char sentence[PAB_GATE_SENTENCE_MAX];
    fprintf(file, PAB_GATE_MARKDOWN_HEAD "### %s Allocator gate", marks[the_case->verdict->result]);
    if (pab_gate_only_label(the_case->verdict) != NULL) {
        fputs(": ", file);
        pab_markdown_text(file, pab_gate_only_label(the_case->verdict));
    }
    fputs("\n\n", file);
    pab_markdown_text(file, pab_gate_sentence(the_case, sentence));
    fputs("\n\n", file);
}

static void print_reading_help(FILE *file, const struct pab_gate_case *the_case)
{
    const double *numbers = the_case->settings.numbers;
    char text[4][PAB_FIGURE_MAX];
    fprintf(file,
            "<details><summary>How to read this</summary>\n\n"
            "- **Time** is CPU time of an operation, wall time where threads run at once; base and "
            "head ran next to each other, each sample a process of its own. Change: Hodges-Lehmann "
            "estimate over the pairs, with its "
            "95 %% interval. Slower: a one-sided signed-rank test, Holm-adjusted over all cells, "
            "below %s, and an estimate above %s; then once more in new rounds of that cell.\n"
            "- **Memory** is worse where medians differ by more than %s and the ranges of the "
            "rounds do not meet; again in new rounds.\n"
            "- **Instructions** repeat: more than %s is more code, though not always more time.\n"
            "- **Structure** (arenas, pools, blocks) is deterministic: it must be equal. Where it "
            "is meant to change: `--structure show`.\n"
            "- These are models of Python's work on one machine; a whole program dilutes what is "
            "shown here.\n\n</details>\n",
            pab_words_percent(numbers[PAB_GATE_ALPHA], text[0]),
            pab_words_percent(numbers[PAB_GATE_TIME_FLOOR], text[1]),
            pab_words_percent(numbers[PAB_GATE_MEMORY_LIMIT], text[2]),
            pab_words_percent(numbers[PAB_GATE_INSTRUCTIONS_LIMIT], text[3]));
}

static void print_made(FILE *file, const struct pab_gate_case *the_case)
{
    const json_t *run = pab_reading_run(the_case->head);
    const json_t *provenance = json_object_get(run, "provenance");
    char text[PAB_GATE_SENTENCE_MAX];
    fputs("\nbase: ", file);
    pab_markdown_text(file, pab_gate_side_text(the_case, false, text));
    fputs("; head: ", file);
    pab_markdown_text(file, pab_gate_side_text(the_case, true, text));
    fputs("; ", file);
    pab_markdown_text(file, pab_json_text(provenance, "cpu_model"));
    fprintf(file, ", %d CPUs; ", (int)pab_json_count(provenance, "cpu_count"));
    pab_markdown_text(file, pab_json_text(provenance, "kernel"));
    fputs(".", file);
    pab_gate_command_text(the_case, text);
    if (text[0] != '\0') {
        fputs(" Again: ", file);
        pab_markdown_code(file, text);
    }
    fputs("\n", file);
}

bool pab_gate_show_markdown(FILE *file, const void *arg)
{
    const struct pab_gate_case *the_case = ((const struct pab_gate_page *)arg)->the_case;
    char quiet[PAB_GATE_WORD_MAX];
    print_summary(file, the_case);
    print_rows(file, the_case->verdict, pab_gate_is_news, NEWS_MAX);
    if (pab_gate_again_text(the_case->verdict)[0] != '\0') {
        fprintf(file, "- %s\n", pab_gate_again_text(the_case->verdict));
    }
    for (size_t i = 0; i < the_case->first->note_count; i++) {
        fputs("- ", file);
        pab_markdown_text(file, the_case->first->notes[i]);
        fputs("\n", file);
    }
    fputs("\n<details><summary>All that was judged</summary>\n\n", file);
    print_rows(file, the_case->verdict, is_listed, SIZE_MAX);
    pab_markdown_text(file, pab_gate_quiet_text(the_case, is_listed, quiet));
    fputs("\n</details>\n", file);
    print_reading_help(file, the_case);
    print_made(file, the_case);
    return ferror(file) == 0;
}
