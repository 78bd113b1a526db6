/* harness/compare/show_data.c -- for other programs: CSV and JSON, a row each, full precision. */
#include "harness/compare/show.h"
#include "harness/compare/words.h"
#include "harness/text.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static const char *word_of(const struct pab_row *row)
{
    const char *word = pab_call_word(row->call, row->metric->family);
    return word[0] == '\0' ? "not judged" : word;
}

static bool is_advisory(const struct pab_comparison *comparison, const struct pab_row *row)
{
    return comparison->control_failed && row->metric->family == PAB_FAMILY_TIME;
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* RFC 4180: quoted where it must be, quotes doubled. */
static void print_field(FILE *file, const char *text)
{
    if (text == NULL || text[strcspn(text, ",\"\r\n")] == '\0') {
        fprintf(file, "%s,", text == NULL ? "" : text);
        return;
    }
    fputc('"', file);
    for (; *text != '\0'; text++) {
        fprintf(file, *text == '"' ? "\"\"" : "%c", *text);
    }
    fprintf(file, "\",");
}

static void print_real(FILE *file, double value)
{
    if (isfinite(value)) {
        fprintf(file, "%.17g", value);
    }
    fputc(',', file);
}

static void print_csv_row(FILE *file, const struct pab_comparison *comparison,
                          const struct pab_row *row)
{
    const double reals[] = {
        row->base, row->head,       row->ratio,       row->lo,         row->hi,
        row->p,    row->p_adjusted, row->superiority, row->detectable, row->heterogeneity};
    print_field(file, row->workload);
    print_field(file, row->label);
    print_field(file, row->host);
    print_field(file, row->metric->name);
    print_field(file, row->metric->unit);
    print_field(file, pab_family_name(row->metric->family));
    fprintf(file, "%s,%zu,%zu,%zu,", row->paired ? "true" : "false", row->workloads, row->n_base,
            row->n_head);
    for (size_t i = 0; i < ARRAY_COUNT(reals); i++) {
        print_real(file, reals[i]);
    }
    print_field(file, word_of(row));
    print_field(file, row->why);
    fprintf(file, "%s,%s,%s\r\n", is_advisory(comparison, row) ? "true" : "false",
            comparison->forced ? "true" : "false", row->is_oversubscribed ? "true" : "false");
}

bool pab_show_csv(FILE *file, const void *arg)
{
    const struct pab_show *show = arg;
    fprintf(file, PAB_SHOW_CSV_HEAD
            "paired,workloads,n_base,n_head,base,head,ratio,lo,hi,p,p_adjusted,superiority,"
            "detectable,heterogeneity,verdict,why,advisory,forced,oversubscribed\r\n");
    for (size_t i = 0; i < show->count; i++) {
        print_csv_row(file, show->comparison, show->rows[i]);
    }
    return ferror(file) == 0;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void set_real(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

static json_t *json_of_row(const struct pab_comparison *comparison, const struct pab_row *row)
{
    json_t *out =
        json_pack("{s:s?, s:s, s:s?, s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "workload", row->workload,
                  "backend", row->label, "host", row->host, "metric", row->metric->name, "unit",
                  row->metric->unit, "family", pab_family_name(row->metric->family), "paired",
                  row->paired, "workloads", (json_int_t)row->workloads, "n_base",
                  (json_int_t)row->n_base, "n_head", (json_int_t)row->n_head);
    set_real(out, "base", row->base);
    set_real(out, "head", row->head);
    set_real(out, "ratio", row->ratio);
    set_real(out, "lo", row->lo);
    set_real(out, "hi", row->hi);
    set_real(out, "p", row->p);
    set_real(out, "p_adjusted", row->p_adjusted);
    set_real(out, "superiority", row->superiority);
    set_real(out, "detectable", row->detectable);
    set_real(out, "heterogeneity", row->heterogeneity);
    json_object_set_new(out, "verdict", json_string(word_of(row)));
    json_object_set_new(out, "why", json_string(row->why));
    json_object_set_new(out, "advisory", json_boolean(is_advisory(comparison, row)));
    json_object_set_new(out, "oversubscribed", json_boolean(row->is_oversubscribed));
    return out;
}

static json_t *json_of_side(const struct pab_reading *reading)
{
    char path[PATH_MAX]; /* the system's may be any bytes, JSON's is UTF-8 */
    const json_t *run = pab_reading_run(reading);
    pab_text_clean(pab_reading_path(reading), false, path, sizeof(path));
    return json_pack("{s:s, s:O?, s:O?}", "file", path, "run_id", json_object_get(run, "run_id"),
                     "started", json_object_get(run, "started"));
}

static json_t *json_of_rules(const struct pab_rules *rules)
{
    json_t *floors = json_object();
    for (size_t i = 0; i < PAB_FAMILY_COUNT; i++) {
        set_real(floors, pab_family_name((enum pab_family)i), rules->floor[i]);
    }
    return json_pack("{s:f, s:f, s:f, s:s, s:b, s:o, s:f, s:f}", "level", rules->level, "alpha",
                     rules->alpha, "power", rules->power, "adjustment",
                     rules->any_regression ? "holm, one-sided" : "benjamini-hochberg, two-sided",
                     "cpu_time_only", rules->cpu_time_only, "floor", floors, "memory_step_bytes",
                     rules->memory_step_bytes, "jemalloc_factor", rules->jemalloc_factor);
}

bool pab_show_json(FILE *file, const void *arg)
{
    const struct pab_show *show = arg;
    const struct pab_comparison *comparison = show->comparison;
    json_t *notes = json_array();
    json_t *rows = json_array();
    for (size_t i = 0; i < comparison->note_count; i++) {
        json_array_append_new(notes, json_string(comparison->notes[i]));
    }
    for (size_t i = 0; i < show->count; i++) {
        json_array_append_new(rows, json_of_row(comparison, show->rows[i]));
    }
    json_t *document =
        json_pack("{s:s, s:o, s:o, s:s?, s:b, s:b, s:o, s:o, s:o}", "schema",
                  "pyallocbench-compare/1", "base", json_of_side(show->base), "head",
                  json_of_side(show->head), "baseline", comparison->baseline, "control_failed",
                  comparison->control_failed, "forced", comparison->forced, "rules",
                  json_of_rules(&comparison->rules), "notes", notes, "rows", rows);
    bool good = document != NULL &&
                json_dumpf(document, file, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) == 0;
    json_decref(document);
    fprintf(file, "\n");
    return good && ferror(file) == 0;
}
