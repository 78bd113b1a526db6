#include "harness/compare/compare.h"

#include "harness/compare/comparable.h"
#include "harness/compare/control.h"
#include "harness/compare/notes.h"
#include "harness/compare/sheet.h"
#include "harness/compare/words.h"
#include "harness/json_text.h"
#include "harness/text.h"

#include <stdarg.h>

struct pab_rules pab_rules_exploring(void)
{
    return (struct pab_rules){
        .level = 0.95,
        .alpha = 0.05,
        .power = 0.9,
        .floor = {[PAB_FAMILY_TIME] = 0.03,
                  [PAB_FAMILY_MEMORY] = 0.02,
                  [PAB_FAMILY_INSTRUCTIONS] = 0.001},
        .memory_step_bytes = 256 * 1024.0, /* what layout alone moves an RSS by */
        .jemalloc_factor = 5,
    };
}

struct pab_rules pab_rules_gating(void)
{
    struct pab_rules rules = pab_rules_exploring();
    rules.alpha = 0.01;
    rules.any_regression = true;
    rules.cpu_time_only = true;
    rules.floor[PAB_FAMILY_TIME] = 0.01;
    rules.floor[PAB_FAMILY_MEMORY] = 0.01;
    return rules;
}

/* --- notes ------------------------------------------------------------------------------------ */

static void note_hosts(struct pab_comparison *out)
{
    size_t differ = 0;
    for (size_t i = 0; i < out->count; i++) {
        differ += out->rows[i].host == NULL && out->rows[i].heterogeneity < PAB_HOSTS_DIFFER;
    }
    if (differ > 0) {
        pab_note(out,
                 "hosts differ in %zu rows by more than their errors: each has rows of "
                 "its own, and the mean stands for none of them",
                 differ);
    }
}

static bool has_values(struct pab_reading *reading, size_t workload, size_t backend)
{
    for (size_t m = 0; m < pab_reading_metrics(reading); m++) {
        if (pab_reading_series(reading, PAB_PART_SAMPLES, workload, backend, m)->count > 0) {
            return true;
        }
    }
    return false;
}

/* A cell that failed now and then has rows like any other: nothing else would tell. */
static void note_failures(struct pab_comparison *out, struct pab_reading *reading,
                          const char *prefix)
{
    size_t backends = pab_reading_backends(reading);
    size_t found = 0;
    size_t first = 0;
    for (size_t i = 0; i < pab_reading_workloads(reading) * backends; i++) {
        if (pab_reading_failure(reading, i / backends, i % backends, NULL) != NULL &&
            has_values(reading, i / backends, i % backends)) {
            first = found++ == 0 ? i : first;
        }
    }
    if (found > 0) {
        const json_t *failure =
            pab_reading_failure(reading, first / backends, first % backends, NULL);
        bool is_control = pab_json_is(failure, "pass", "control");
        pab_note(
            out, "%s%zu cell%s failed in some samples, and the others count; %s on %s%s: %s: %s",
            prefix, found, found == 1 ? "" : "s", pab_reading_backend(reading, first % backends),
            pab_reading_workload(reading, first / backends), is_control ? ", the control" : "",
            pab_json_text(failure, "kind"), pab_json_text(failure, "message"));
    }
}

/* Whether notes are asked for of a family that has rows. */
static bool has_family(const struct pab_comparison *out, enum pab_family family)
{
    bool is_wanted = out->rules.families == 0 || (out->rules.families >> family & 1u) != 0;
    size_t i = 0;
    while (i < out->count && out->rows[i].metric->family != family) {
        i++;
    }
    return is_wanted && i < out->count;
}

static void note_control(struct pab_comparison *out, struct pab_reading *reading,
                         const char *prefix)
{
    struct pab_control *control = pab_control_of_pairs(reading);
    if (control->verdict == PAB_CONTROL_FAILED) {
        out->control_failed = true;
        pab_note(out, "%sthe A/A control failed, so verdicts on time are advisory: %s", prefix,
                 control->words[0]);
    } else if (control->verdict == PAB_CONTROL_TOO_FEW) {
        pab_note(out, "%s%s", prefix, control->words[0]);
    } else if (control->verdict == PAB_CONTROL_NONE) {
        pab_note(out,
                 "%sno A/A control was run: nothing shows that equal would look "
                 "equal",
                 prefix);
    }
    pab_control_free(control);
}

/* Limits stay as they are: callgrind lays addresses out by itself, whatever the kernel does. */
static void note_random_addresses(struct pab_comparison *out, const json_t *run, const char *prefix)
{
    const json_t *noise = json_object_get(run, "noise");
    if (json_array_size(json_object_get(noise, "random_addresses")) > 0) {
        pab_note(out, "%s%s", prefix, PAB_RANDOM_ADDRESSES);
    }
}

/* Which times are walls, and which of these stand for threads that waited for each other. */
static void note_threads(struct pab_comparison *out, const struct pab_reading *reading,
                         const char *prefix)
{
    size_t walls = 0;
    size_t many = 0;
    for (size_t w = 0; w < pab_reading_workloads(reading); w++) {
        walls += strcmp(pab_reading_clock(reading, w), "wall_ns_per_op") == 0;
        many += pab_reading_is_oversubscribed(reading, w);
    }
    if (walls > 0) {
        pab_note(out,
                 "%swall time speaks for %zu workload%s, whose threads run at once; CPU time adds "
                 "up over threads",
                 prefix, walls, walls == 1 ? "" : "s");
    }
    if (many > 0) {
        pab_note(out,
                 "%s%zu workload%s oversubscribed: more threads than CPUs, so they wait for each "
                 "other",
                 prefix, many, many == 1 ? " is" : "s are");
    }
}

/* What limits every row of a reading: its control, its noise, how it ended. */
static void note_reading(struct pab_comparison *out, struct pab_reading *reading,
                         const char *prefix)
{
    const json_t *run = pab_reading_run(reading);
    bool has_times = has_family(out, PAB_FAMILY_TIME);
    if (has_times) {
        note_control(out, reading, prefix);
        note_threads(out, reading, prefix);
    }
    if (json_is_false(json_object_get(run, "complete"))) {
        pab_note(out, "%sthe run was interrupted; these are the figures so far", prefix);
    }
    note_failures(out, reading, prefix);
    /* How quiet the machine was matters to what a clock has measured. */
    if (has_times || has_family(out, PAB_FAMILY_DESCRIPTION)) {
        pab_note_noise(out, reading, prefix);
    }
    if (has_family(out, PAB_FAMILY_INSTRUCTIONS)) {
        note_random_addresses(out, run, prefix);
    }
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        if (!pab_json_is(backend, "status", "ok")) {
            pab_note(out, "%s%s was not measured: %s: %s", prefix, pab_json_text(backend, "id"),
                     pab_json_text(backend, "status"), pab_json_text(backend, "reason"));
        }
    }
}

/* --- sheets ----------------------------------------------------------------------------------- */

static const json_t *backend_at(const struct pab_reading *reading, size_t index)
{
    return json_array_get(json_object_get(pab_reading_run(reading), "backends"), index);
}

static bool has_jemalloc(const json_t *backend)
{
    return strstr(pab_json_text(json_object_get(backend, "identity"), "version"), "jemalloc") !=
               NULL ||
           strstr(pab_json_text(json_object_get(backend, "raw"), "version"), "jemalloc") != NULL;
}

static const char exempt_floor[] = "a floor, not an allocator";

static void add_contrast(struct pab_sheet *sheet, const char *label, size_t base, size_t head)
{
    const json_t *backend =
        head == PAB_NOWHERE ? backend_at(sheet->base, base) : backend_at(sheet->head, head);
    struct pab_contrast *grown =
        realloc(sheet->contrasts, (sheet->contrast_count + 1) * sizeof(*sheet->contrasts));
    PAB_CHECK(grown != NULL);
    sheet->contrasts = grown;
    sheet->contrasts[sheet->contrast_count++] = (struct pab_contrast){
        .label = label,
        .base = base,
        .head = head,
        .exempt = json_is_false(json_object_get(backend, "ranked")) ? exempt_floor : NULL,
        .is_jemalloc = has_jemalloc(backend),
    };
}

static struct pab_sheet sheet_make(struct pab_reading *base, struct pab_reading *head,
                                   const struct pab_rules *rules)
{
    struct pab_sheet sheet = {
        .out = calloc(1, sizeof(*sheet.out)),
        .base = base,
        .head = head,
        .rounds = PAB_ALL_ROUNDS,
    };
    PAB_CHECK(sheet.out != NULL);
    sheet.out->rules = *rules;
    return sheet;
}

static enum pab_status sheet_end(struct pab_sheet *sheet, struct pab_comparison **out)
{
    *out = sheet->out;
    free(sheet->evidence);
    free(sheet->metrics);
    free(sheet->workloads);
    free(sheet->contrasts);
    return PAB_OK;
}

__attribute__((format(printf, 3, 4))) static enum pab_status
sheet_refuse(struct pab_sheet *sheet, struct pab_error *err, const char *format, ...)
{
    char text[sizeof(err->text)];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    struct pab_comparison *out = NULL;
    sheet_end(sheet, &out);
    pab_comparison_free(out);
    return pab_fail(err, PAB_NOT_COMPARABLE, "%s", text);
}

void pab_comparison_free(struct pab_comparison *comparison)
{
    if (comparison == NULL) {
        return;
    }
    for (size_t i = 0; i < comparison->note_count; i++) {
        free(comparison->notes[i]);
    }
    free(comparison->notes);
    free(comparison->rows);
    free(comparison->hosts);
    free(comparison);
}

/* Names, joined by ", ". */
static void list_names(const struct pab_reading *reading, size_t count,
                       const char *(*name)(const struct pab_reading *reading, size_t index),
                       char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : ", ", name(reading, i));
    }
}

/* --- within one document ---------------------------------------------------------------------- */

static enum pab_status find_baseline(const struct pab_reading *reading, const char *baseline,
                                     size_t *out, struct pab_error *err)
{
    char names[300];
    size_t count = pab_reading_backends(reading);
    const char *id =
        baseline != NULL ? baseline : pab_json_text(pab_reading_run(reading), "baseline");
    list_names(reading, count, pab_reading_backend, names, sizeof(names));
    *out = pab_reading_find_backend(reading, id);
    if (*out == count) {
        return pab_fail(err, baseline != NULL ? PAB_USAGE : PAB_BAD_DATA,
                        "%s has no backend '%s' to compare with; it has: %s",
                        pab_reading_path(reading), id, names);
    }
    if (count < 2) {
        return pab_fail(err, PAB_NOT_COMPARABLE,
                        "%s holds %s alone: name a second FILE, or run more backends",
                        pab_reading_path(reading), names);
    }
    return PAB_OK;
}

enum pab_status pab_compare_within(struct pab_reading *reading, const char *baseline,
                                   const struct pab_rules *rules, struct pab_comparison **out,
                                   struct pab_error *err)
{
    size_t base = 0;
    enum pab_status status = find_baseline(reading, baseline, &base, err);
    if (status != PAB_OK) {
        return status;
    }
    struct pab_sheet sheet = sheet_make(reading, reading, rules);
    sheet.paired = sheet.is_within = true;
    sheet.out->baseline = pab_reading_backend(reading, base);
    for (size_t b = 0; b < pab_reading_backends(reading); b++) {
        if (b == base || pab_json_is(backend_at(reading, b), "status", "ok")) {
            add_contrast(&sheet, pab_reading_backend(reading, b), base, b);
        }
        if (b == base) {
            sheet.contrasts[sheet.contrast_count - 1].exempt = "the baseline";
        }
    }
    pab_sheet_fill(&sheet);
    if (!sheet.has_common) {
        return sheet_refuse(&sheet, err,
                            "%s: no other backend has a figure of a workload that %s has one of, "
                            "too; --baseline names another",
                            pab_reading_path(reading), sheet.out->baseline);
    }
    note_reading(sheet.out, reading, "");
    note_hosts(sheet.out);
    return sheet_end(&sheet, out);
}

/* --- between two documents -------------------------------------------------------------------- */

static bool are_of_one_run(const struct pab_reading *base, const struct pab_reading *head)
{
    const char *id = pab_json_text(pab_reading_run(base), "run_id");
    return id[0] != '\0' && pab_json_is(pab_reading_run(head), "run_id", id);
}

/* Whether every figure is on both sides, and the same. */
static bool are_all_equal(const struct pab_comparison *out)
{
    size_t i = 0;
    while (i < out->count && (out->rows[i].ratio == 1 || out->rows[i].base == out->rows[i].head) &&
           out->rows[i].n_base == out->rows[i].n_head && !(out->rows[i].p < 1)) {
        i++;
    }
    return i == out->count;
}

static void note_pair(struct pab_sheet *sheet, const struct pab_joined *unlike)
{
    struct pab_comparison *out = sheet->out;
    struct pab_joined versions;
    if (unlike->count > 0) {
        out->forced = true;
        pab_note(out, "forced: compared although they differ in %s", unlike->text);
    }
    out->is_same = sheet->paired && are_all_equal(out);
    if (!sheet->paired) {
        pab_note(out, "two runs, one after the other: what else changed between them counts as a "
                      "difference here; `gate` runs both sides interleaved");
    } else if (out->is_same) {
        pab_note(out, "both files hold the same run: nothing can differ");
    }
    pab_versions_differ(sheet->base, sheet->head, &versions);
    if (versions.count > 0) {
        pab_note(out, "the allocators are not the same: %s", versions.text);
    }
    pab_note_passes(out, sheet->base, sheet->head);
    note_reading(out, sheet->base, "base: ");
    note_reading(out, sheet->head, "head: ");
    note_hosts(out);
}

static enum pab_status refuse_without_cells(struct pab_sheet *sheet, struct pab_error *err)
{
    char names[4][100];
    const struct pab_reading *sides[] = {sheet->base, sheet->head};
    for (size_t i = 0; i < 2; i++) {
        list_names(sides[i], pab_reading_workloads(sides[i]), pab_reading_workload, names[2 * i],
                   sizeof(names[0]));
        list_names(sides[i], pab_reading_backends(sides[i]), pab_reading_backend, names[2 * i + 1],
                   sizeof(names[0]));
    }
    bool lacks_pass = sheet->out->count > 0 && sheet->out->rows[0].lacks_pass;
    return sheet_refuse(sheet, err,
                        "no cell in common: %.60s has %s on %s, and %.60s has %s on %s%s",
                        pab_reading_path(sides[0]), names[0], names[1], pab_reading_path(sides[1]),
                        names[2], names[3], lacks_pass ? ", of other passes" : "");
}

/* Of one run, equal values are the same measurement, however few they are. */
static void settle_same_values(struct pab_comparison *out)
{
    for (size_t i = 0; i < out->count; i++) {
        struct pab_row *row = &out->rows[i];
        if (row->call == PAB_CALL_UNDECIDED && row->ratio == 1 && row->p == 1) {
            row->call = PAB_CALL_EQUIVALENT;
            snprintf(row->why, sizeof(row->why), "the same values");
        }
    }
}

enum pab_status pab_compare_between(struct pab_reading *base, struct pab_reading *head,
                                    const struct pab_rules *rules, struct pab_comparison **out,
                                    struct pab_error *err)
{
    struct pab_joined unlike;
    pab_unlike(base, head, &unlike);
    if (unlike.count > 0 && !rules->force) {
        return pab_fail(err, PAB_NOT_COMPARABLE,
                        "not comparable: %s; --force compares all the same", unlike.text);
    }
    struct pab_sheet sheet = sheet_make(base, head, rules);
    size_t own = pab_reading_backends(base);
    size_t other = pab_reading_backends(head);
    sheet.paired = are_of_one_run(base, head);
    for (size_t b = 0; b < own; b++) {
        size_t there = pab_reading_find_backend(head, pab_reading_backend(base, b));
        add_contrast(&sheet, pab_reading_backend(base, b), b, there < other ? there : PAB_NOWHERE);
    }
    for (size_t b = 0; b < other; b++) {
        if (pab_reading_find_backend(base, pab_reading_backend(head, b)) == own) {
            add_contrast(&sheet, pab_reading_backend(head, b), PAB_NOWHERE, b);
        }
    }
    pab_sheet_fill(&sheet);
    if (sheet.paired) {
        settle_same_values(sheet.out);
    }
    if (!sheet.has_common) {
        return refuse_without_cells(&sheet, err);
    }
    note_pair(&sheet, &unlike);
    return sheet_end(&sheet, out);
}

/* --- the arms of a gate ----------------------------------------------------------------------- */

/* The backend with that label and role, or PAB_NOWHERE. */
static size_t find_arm(const struct pab_reading *reading, const char *label, const char *role)
{
    for (size_t b = 0; b < pab_reading_backends(reading); b++) {
        const json_t *backend = backend_at(reading, b);
        if (pab_json_is(backend, "label", label) && pab_json_is(backend, "role", role)) {
            return b;
        }
    }
    return PAB_NOWHERE;
}

static void add_arms(struct pab_sheet *sheet, const struct pab_reading *reading)
{
    for (size_t b = 0; b < pab_reading_backends(reading); b++) {
        const char *label = pab_json_text(backend_at(reading, b), "label");
        size_t base = find_arm(reading, label, "base");
        size_t head = find_arm(reading, label, "head");
        if (b == base || (b == head && base == PAB_NOWHERE)) {
            add_contrast(sheet, label, base, head);
        }
    }
}

enum pab_status pab_compare_arms(struct pab_reading *reading, struct pab_rounds rounds,
                                 const struct pab_rules *rules, struct pab_comparison **out,
                                 struct pab_error *err)
{
    struct pab_sheet sheet = sheet_make(reading, reading, rules);
    sheet.paired = true;
    sheet.rounds = rounds;
    add_arms(&sheet, reading);
    pab_sheet_fill(&sheet);
    if (!sheet.has_common) {
        return sheet_refuse(&sheet, err,
                            "%s has no cell with a base and a head: `gate` makes such documents",
                            pab_reading_path(reading));
    }
    note_reading(sheet.out, reading, "");
    note_hosts(sheet.out);
    return sheet_end(&sheet, out);
}
