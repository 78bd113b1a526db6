/* harness/gate/show_github.c -- findings as GitHub's workflow commands, and as JSON. */
#include "harness/gate/show.h"

#include <math.h>
#include <string.h>

#define ANNOTATIONS_MAX 10u /* of a kind in one step: GitHub drops what is more */

/* A command is one line; in its properties, ':' and ',' mean something, too. */
static void print_escaped(FILE *file, const char *text, bool is_property)
{
    for (; *text != '\0'; text++) {
        if (strchr("%\r\n", *text) != NULL || (is_property && strchr(":,", *text) != NULL)) {
            fprintf(file, "%%%02X", (unsigned)(unsigned char)*text);
        } else {
            fputc(*text, file);
        }
    }
}

static void print_command(FILE *file, const char *command, const char *title, const char *text)
{
    fprintf(file, "::%s title=", command);
    print_escaped(file, title, true);
    fputs("::", file);
    print_escaped(file, text, false);
    fputs("\n", file);
}

static const char *command_of(enum pab_gate_finding finding)
{
    switch (finding) {
    case PAB_FINDING_BROKEN:
    case PAB_FINDING_REGRESSION:
        return "error";
    case PAB_FINDING_UNLIKE:
    case PAB_FINDING_GONE:
    case PAB_FINDING_UNDECIDED:
        return "warning";
    case PAB_FINDING_BETTER:
    case PAB_FINDING_CLEARED:
    case PAB_FINDING_NEW:
        return "notice";
    default:
        return NULL;
    }
}

/* All findings of one kind; the last place goes to how many more there are. */
static void print_kind(FILE *file, const struct pab_gate_verdict *verdict, const char *command,
                       size_t most)
{
    size_t count = 0;
    size_t printed = 0;
    for (size_t i = 0; i < verdict->count; i++) {
        const char *own = command_of(verdict->items[i].finding);
        count += own != NULL && strcmp(own, command) == 0;
    }
    for (size_t i = 0; i < verdict->count && printed < count; i++) {
        const char *own = command_of(verdict->items[i].finding);
        struct pab_gate_line line;
        char text[1024];
        if (own == NULL || strcmp(own, command) != 0) {
            continue;
        }
        if (printed + 1 == most && count > most) {
            snprintf(text, sizeof(text), "and %zu more: see the summary", count - printed);
            print_command(file, command, "pyallocbench gate", text);
            return;
        }
        pab_gate_line_make(&verdict->items[i], &line);
        pab_gate_line_text(&line, text, sizeof(text));
        print_command(file, command, pab_gate_finding_word(verdict->items[i].finding), text);
        printed++;
    }
}

bool pab_gate_show_annotations(FILE *file, const void *arg)
{
    static const char *const commands[] = {
        [PAB_GATE_BROKEN] = "error",
        [PAB_GATE_REGRESSION] = "error",
        [PAB_GATE_NOT_COMPARABLE] = "warning",
        [PAB_GATE_INCONCLUSIVE] = "warning",
        [PAB_GATE_GOOD] = "notice",
    };
    const struct pab_gate_case *the_case = ((const struct pab_gate_page *)arg)->the_case;
    const char *own = commands[the_case->verdict->result];
    char sentence[PAB_GATE_SENTENCE_MAX];
    print_command(file, own, "pyallocbench gate", pab_gate_sentence(the_case, sentence));
    for (size_t i = 0; i < 3; i++) {
        const char *command = (const char *[]){"error", "warning", "notice"}[i];
        bool has_sentence = strcmp(command, own) == 0;
        print_kind(file, the_case->verdict, command, ANNOTATIONS_MAX - has_sentence);
    }
    return ferror(file) == 0;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *pab_gate_findings_json(const struct pab_gate_case *the_case)
{
    const struct pab_gate_verdict *verdict = the_case->verdict;
    json_t *out = json_array();
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        const struct pab_row *row = pab_gate_deciding_row(item);
        if (!pab_gate_is_news(item)) {
            continue;
        }
        json_array_append_new(out,
                              json_pack("{s:s?, s:s?, s:s?, s:s, s:s, s:o, s:o, s:o, s:s}",
                                        "workload", item->workload, "label", item->label, "metric",
                                        row == NULL ? NULL : row->metric->name, "family",
                                        pab_family_name(item->family), "finding",
                                        pab_gate_finding_word(item->finding), "base",
                                        number(row == NULL ? NAN : row->base), "head",
                                        number(row == NULL ? NAN : row->head), "ratio",
                                        number(row == NULL ? NAN : row->ratio), "why", item->why));
    }
    return out;
}
