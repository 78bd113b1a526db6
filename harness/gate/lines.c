/* harness/gate/lines.c -- a finding in words. */
#include "harness/cmd.h"
#include "harness/compare/words.h"
#include "harness/gate/show.h"
#include "harness/json_text.h"

#include <math.h>
#include <string.h>

const char *pab_gate_result_word(enum pab_gate_result result)
{
    static const char *const words[] = {
        [PAB_GATE_BROKEN] = "BROKEN",
        [PAB_GATE_REGRESSION] = "REGRESSION",
        [PAB_GATE_NOT_COMPARABLE] = "NOT COMPARABLE",
        [PAB_GATE_INCONCLUSIVE] = "INCONCLUSIVE",
        [PAB_GATE_GOOD] = "GOOD",
    };
    return words[result];
}

bool pab_gate_is_news(const struct pab_gate_item *item)
{
    return item->finding != PAB_FINDING_SHOWN && item->finding != PAB_FINDING_GOOD;
}

bool pab_gate_is_quiet(const struct pab_gate_item *item)
{
    bool is_main =
        item->family == PAB_FAMILY_TIME ||
        (item->row != NULL && strcmp(item->row->metric->name, "peak_rss_bytes") == 0) ||
        (item->row != NULL && strcmp(item->row->metric->name, "instructions.per_op") == 0);
    return item->finding == PAB_FINDING_SHOWN ||
           (item->finding == PAB_FINDING_GOOD && (!is_main || item->workload == NULL));
}

/* "slower", "cannot tell", "no change above 3 %": what a row alone says. */
static const char *word_of(const struct pab_gate_item *item)
{
    bool is_call =
        item->row != NULL &&
        (item->finding == PAB_FINDING_BETTER || item->finding == PAB_FINDING_REGRESSION ||
         (item->finding == PAB_FINDING_GOOD && item->row->call != PAB_CALL_UNDECIDED));
    if (is_call) {
        return pab_call_word(item->row->call, item->family);
    }
    return item->finding == PAB_FINDING_GOOD ? "" : pab_gate_finding_word(item->finding);
}

static void set_change(const struct pab_row *row, struct pab_gate_line *line)
{
    bool has_interval = row->metric->family == PAB_FAMILY_TIME && isfinite(row->lo);
    if (isfinite(row->ratio) && row->metric->family != PAB_FAMILY_STRUCTURE) {
        snprintf(line->change, sizeof(line->change), "%s",
                 pab_gate_change_text(row->ratio, (char[PAB_FIGURE_MAX]){0}));
    }
    if (has_interval) {
        snprintf(line->interval, sizeof(line->interval), "[%+.1f, %+.1f] %%", 100 * (row->lo - 1),
                 100 * (row->hi - 1));
    }
}

void pab_gate_line_make(const struct pab_gate_item *item, struct pab_gate_line *line)
{
    const struct pab_row *row = pab_gate_deciding_row(item);
    const char *word = word_of(item);
    *line = (struct pab_gate_line){0};
    snprintf(line->workload, sizeof(line->workload), "%s",
             item->workload != NULL ? item->workload
             : row == NULL          ? "all"
                                    : "");
    snprintf(line->label, sizeof(line->label), "%s", item->label == NULL ? "all" : item->label);
    snprintf(line->verdict, sizeof(line->verdict), "%s%s%.240s", word,
             word[0] != '\0' && item->why[0] != '\0' ? ": " : "", item->why);
    if (row == NULL) {
        snprintf(line->metric, sizeof(line->metric), "%s",
                 item->family == PAB_FAMILY_DESCRIPTION ? "" : pab_family_name(item->family));
        return;
    }
    if (row->workload == NULL) {
        snprintf(line->workload, sizeof(line->workload), "all %zu", row->workloads);
    }
    snprintf(line->metric, sizeof(line->metric), "%s", row->metric->name);
    if (isfinite(row->base) || isfinite(row->head)) {
        char text[PAB_FIGURE_MAX];
        /* of what must be equal, every byte counts */
        const char *unit = item->family == PAB_FAMILY_STRUCTURE ? "count" : row->metric->unit;
        snprintf(line->base, sizeof(line->base), "%s", pab_words_figure(row->base, unit, text));
        snprintf(line->head, sizeof(line->head), "%s", pab_words_figure(row->head, unit, text));
    }
    set_change(row, line);
}

void pab_gate_line_text(const struct pab_gate_line *line, char *out, size_t size)
{
    bool has_figures = line->base[0] != '\0' || line->change[0] != '\0';
    snprintf(out, size, "%s%s%s: %s%s%s%s%s%s%s%s%s%s", line->workload,
             line->label[0] == '\0' ? "" : " on ", line->label, line->metric,
             line->base[0] == '\0' ? "" : " ", line->base, line->base[0] == '\0' ? "" : " -> ",
             line->head, line->change[0] == '\0' ? "" : ", ", line->change,
             line->interval[0] == '\0' ? "" : " ", line->interval, has_figures ? ": " : " ");
    size_t used = strlen(out);
    if (used < size) {
        snprintf(out + used, size - used, "%s", line->verdict);
    }
}

const char *pab_gate_again_text(const struct pab_gate_verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++) {
        if (pab_gate_deciding_row(&verdict->items[i]) != verdict->items[i].row) {
            return "what looked worse was measured again: its figures are those of the new rounds "
                   "alone, the first ones are named behind; `compare` takes all rounds together";
        }
    }
    return "";
}

const char *pab_gate_only_label(const struct pab_gate_verdict *verdict)
{
    const char *label = NULL;
    for (size_t i = 0; i < verdict->count; i++) {
        const char *other = verdict->items[i].label;
        if (label != NULL && other != NULL && strcmp(label, other) != 0) {
            return NULL;
        }
        label = other != NULL ? other : label;
    }
    return label;
}

const char *pab_gate_quiet_text(const struct pab_gate_case *the_case,
                                bool (*wants)(const struct pab_gate_item *item),
                                char out[PAB_GATE_WORD_MAX])
{
    const struct pab_gate_verdict *verdict = the_case->verdict;
    const double *numbers = the_case->settings.numbers;
    size_t quiet[PAB_FAMILY_COUNT] = {0};
    size_t used = 0;
    char limits[2][PAB_FIGURE_MAX];
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        quiet[item->family] += item->finding == PAB_FINDING_GOOD && !wants(item);
    }
    pab_words_percent(numbers[PAB_GATE_MEMORY_LIMIT], limits[0]);
    pab_words_percent(numbers[PAB_GATE_INSTRUCTIONS_LIMIT], limits[1]);
    const struct {
        enum pab_family family;
        const char *what, *limit;
    } parts[] = {
        {PAB_FAMILY_MEMORY, "of memory, within ", limits[0]},
        {PAB_FAMILY_INSTRUCTIONS, "of instructions, within ", limits[1]},
        {PAB_FAMILY_STRUCTURE, "of structure, equal", ""},
    };
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        if (quiet[parts[i].family] > 0) {
            used += (size_t)snprintf(out + used, PAB_GATE_WORD_MAX - used, "%s%zu %s%s",
                                     used == 0 ? "and in order: " : "; ", quiet[parts[i].family],
                                     parts[i].what, parts[i].limit);
        }
    }
    return out;
}

/* --- who and how ---------------------------------------------------------------------------- */

static const json_t *first_backend(const struct pab_reading *reading, const char *role)
{
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(pab_reading_run(reading), "backends"), index, backend)
    {
        if (pab_json_is(backend, "role", role)) {
            return backend;
        }
    }
    return NULL;
}

const char *pab_gate_side_text(const struct pab_gate_case *the_case, bool is_head,
                               char out[PAB_GATE_WORD_MAX])
{
    const char *role = is_head ? "head" : "base";
    const struct pab_reading *reading = is_head ? the_case->head : the_case->base;
    const json_t *run = pab_reading_run(reading);
    const json_t *provenance = json_object_get(run, "provenance");
    if (the_case->base != the_case->head) {
        snprintf(out, PAB_GATE_WORD_MAX, "%.150s (pyallocbench %.30s, %.12s, %.10s)",
                 pab_reading_path(reading), pab_json_text(provenance, "version"),
                 pab_json_text(provenance, "git_commit"), pab_json_text(run, "started"));
        return out;
    }
    const json_t *side = json_object_get(pab_gate_of(reading), role);
    const char *binary = pab_json_text(first_backend(reading, role), "binary");
    snprintf(out, PAB_GATE_WORD_MAX, "%.60s%s%.200s%s", pab_json_text(side, "version"),
             binary[0] == '\0' ? "" : " (", binary, binary[0] == '\0' ? "" : ")");
    return out;
}

const char *pab_gate_command_text(const struct pab_gate_case *the_case,
                                  char out[PAB_GATE_SENTENCE_MAX])
{
    size_t used = 0;
    size_t index = 0;
    json_t *word = NULL;
    out[0] = '\0';
    if (the_case->base != the_case->head) {
        return out;
    }
    json_array_foreach(json_object_get(pab_reading_run(the_case->head), "argv"), index, word)
    {
        char quoted[PAB_QUOTED_MAX];
        const char *text = json_string_value(word);
        pab_shell_quote(text == NULL ? "" : text, quoted, sizeof(quoted));
        if (used + strlen(quoted) + 2 < PAB_GATE_SENTENCE_MAX) {
            used += (size_t)snprintf(out + used, PAB_GATE_SENTENCE_MAX - used, "%s%s",
                                     used == 0 ? "" : " ", quoted);
        }
    }
    return out;
}
