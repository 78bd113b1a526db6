#include "harness/report.h"

#include "harness/compare/levels.h"
#include "harness/compare/reading.h"
#include "harness/compare/words.h"
#include "harness/plan.h"
#include "harness/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

/* Columns of a line, but for LABEL_MAX, bytes of what stands before the figures. */
enum {
    INDENT = 2,
    CPU = 9,
    RATIO = 6,
    INTERVAL = 14,
    MARK = 2, /* " !" behind an interval */
    PEAK = 8,
    F_PEAK = 6,
    F_RET = 5,
    INTERNAL = 6,
    LABEL_MAX = 400,
};

/* A text in lines that fit, behind `head`. */
__attribute__((format(printf, 3, 4))) static void print_text(FILE *out, const char *head,
                                                             const char *format, ...)
{
    char text[2000];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    pab_text_print(out, head, (unsigned)strlen(head), text);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static const json_t *find_row(const json_t *rows, const char *workload, const char *backend,
                              const char *metric)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if ((workload == NULL || strcmp(text_of(row, "workload"), workload) == 0) &&
            strcmp(text_of(row, "backend"), backend) == 0 &&
            strcmp(text_of(row, "metric"), metric) == 0) {
            return row;
        }
    }
    return NULL;
}

/* "12.34" in `width` columns, or a dash where there is no figure. */
static void print_number(FILE *out, const json_t *value, int width, int digits, double scale)
{
    if (json_is_number(value)) {
        fprintf(out, " %*.*f", width, digits, json_number_value(value) * scale);
    } else {
        fprintf(out, " %*s", width, "-");
    }
}

static const json_t *control_of(const json_t *run)
{
    return json_object_get(json_object_get(run, "noise"), "control");
}

/* Then no ratio of a time in this run may be believed, and each says so. */
static bool control_failed(const json_t *run)
{
    return strcmp(text_of(control_of(run), "verdict"), "failed") == 0;
}

static int interval_width(const json_t *run)
{
    return control_failed(run) ? INTERVAL + MARK : INTERVAL;
}

/* A time's ratio and interval, "!" behind them where the control failed. */
static void print_ratio(FILE *out, const json_t *run, const json_t *row, const char *key)
{
    const json_t *ratio = json_object_get(row, key);
    const json_t *lo = json_object_get(row, "lo");
    const json_t *hi = json_object_get(row, "hi");
    const char *mark = control_failed(run) && json_is_number(ratio) ? "!" : "";
    char text[40];
    snprintf(text, sizeof(text), "%s", mark);
    if (json_is_number(lo) && json_is_number(hi)) {
        snprintf(text, sizeof(text), "[%.3f, %.3f]%s%s", json_number_value(lo),
                 json_number_value(hi), mark[0] == '\0' ? "" : " ", mark);
    }
    print_number(out, ratio, RATIO, 3, 1);
    fprintf(out, " %-*s", interval_width(run), text);
}

static const json_t *median_of(const json_t *summary, const char *workload, const char *backend,
                               const char *metric)
{
    return json_object_get(find_row(summary, workload, backend, metric), "median");
}

static const char *label_of(const json_t *backend, char out[static LABEL_MAX])
{
    bool is_ranked = json_is_true(json_object_get(backend, "ranked"));
    snprintf(out, LABEL_MAX, "%s%s", text_of(backend, "id"), is_ranked ? "" : " (floor)");
    return out;
}

/* Columns of the labels: as many as the widest has, or as the figures leave. */
static int label_width(const json_t *run)
{
    int figures = INDENT + 1 + CPU + 1 + RATIO + 1 + interval_width(run) + 1 + PEAK + 1 + F_PEAK +
                  1 + F_RET + 1 + INTERNAL;
    int room = (int)pab_text_width() - figures;
    int width = (int)strlen("geometric mean");
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        char label[LABEL_MAX];
        int length = (int)strlen(label_of(backend, label));
        width = length > width && length <= room ? length : width;
    }
    return width;
}

/* One that reaches into the figures has a line of its own. */
static void print_label(FILE *out, const json_t *backend, int width)
{
    char label[LABEL_MAX];
    label_of(backend, label);
    fprintf(out, "%*s%-*s", INDENT, "", width, label);
    if (strlen(label) > (size_t)width) {
        fprintf(out, "\n%*s", INDENT + width, "");
    }
}

/* How many rounds this run was to make: all, or its shard's. */
static long long own_rounds(const json_t *run, const char *key)
{
    const json_t *shard = json_object_get(run, "shard");
    long long all = (long long)json_integer_value(json_object_get(run, key));
    long long count = (long long)json_integer_value(json_object_get(shard, "count"));
    long long index = (long long)json_integer_value(json_object_get(shard, "index"));
    return count == 0 ? all : (all + count - index) / count;
}

static bool is_wall(const json_t *workload)
{
    return strcmp(text_of(workload, "clock"), "wall") == 0;
}

/* The time that speaks for a workload. */
static const char *clock_of(const json_t *workload)
{
    return is_wall(workload) ? "wall_ns_per_op" : "cpu_ns_per_op";
}

static bool is_left_out(const json_t *workload, const char *backend)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(workload, "left_out"), index, row)
    {
        if (strcmp(text_of(row, "backend"), backend) == 0) {
            return true;
        }
    }
    return false;
}

static void print_row(FILE *out, const json_t *run, const json_t *workload, const json_t *backend,
                      int width)
{
    const json_t *summary = json_object_get(run, "summary");
    const char *name = text_of(workload, "id");
    const char *id = text_of(backend, "id");
    const json_t *cpu = find_row(summary, name, id, clock_of(workload));
    print_label(out, backend, width);
    print_number(out, json_object_get(cpu, "median"), CPU, 2, 1);
    print_ratio(out, run, cpu, "ratio");
    print_number(out, median_of(summary, name, id, "peak_rss_bytes"), PEAK, 1, 1.0 / (1 << 20));
    print_number(out, median_of(summary, name, id, "f_peak"), F_PEAK, 3, 1);
    print_number(out, median_of(summary, name, id, "f_ret"), F_RET, 3, 1);
    print_number(out, median_of(summary, name, id, "internal"), INTERNAL, 1, 100);
    fprintf(out, "\n");
    long long count = (long long)json_integer_value(json_object_get(cpu, "n"));
    if (count > 0 && count < own_rounds(run, "rounds")) {
        fprintf(out, "%*s(%lld round%s only)\n", 2 * INDENT, "", count, count == 1 ? "" : "s");
    }
}

static void print_workload(FILE *out, const json_t *run, const json_t *workload, int width)
{
    fprintf(out, "\n");
    print_text(out, "", "%s: %s", text_of(workload, "id"), text_of(workload, "summary"));
    if (json_is_true(json_object_get(workload, "oversubscribed"))) {
        print_text(out, "  ",
                   "oversubscribed: more threads than CPUs, so they wait for each other");
    }
    fprintf(out, "%*s %*s %-*s %*s %*s %*s %*s\n", INDENT + width + 1 + CPU,
            is_wall(workload) ? "wall ns/op" : "CPU ns/op", RATIO, "ratio", interval_width(run),
            "95 % interval", PEAK, "peak MiB", F_PEAK, "F_peak", F_RET, "F_ret", INTERNAL,
            "int. %");
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        if (strcmp(text_of(backend, "status"), "ok") == 0 &&
            !is_left_out(workload, text_of(backend, "id"))) {
            print_row(out, run, workload, backend, width);
        }
    }
}

/* How many workloads wall time speaks for. */
static size_t wall_count(const json_t *run)
{
    size_t walls = 0;
    size_t index = 0;
    json_t *workload = NULL;
    json_array_foreach(json_object_get(run, "workloads"), index, workload)
    {
        walls += is_wall(workload);
    }
    return walls;
}

/* What the mean over all workloads is of. */
struct clock {
    const char *metric, *word;
};

static struct clock clock_of_all(const json_t *run)
{
    size_t walls = wall_count(run);
    if (walls == 0) {
        return (struct clock){"cpu_ns_per_op", "CPU"};
    }
    return walls == json_array_size(json_object_get(run, "workloads"))
               ? (struct clock){"wall_ns_per_op", "wall"}
               : (struct clock){PAB_METRIC_CLOCK, "time"};
}

/* A mean over fewer workloads than there are is no fair match with the others. */
static void print_part(FILE *out, const json_t *run, const json_t *row)
{
    long long count = (long long)json_integer_value(json_object_get(row, "n_workloads"));
    size_t all = json_array_size(json_object_get(run, "workloads"));
    if (count > 0 && (size_t)count < all) {
        fprintf(out, "  of %lld workload%s", count, count == 1 ? "" : "s");
    }
}

static void print_suite(FILE *out, const json_t *run, int width)
{
    const json_t *suite = json_object_get(run, "suite");
    struct clock clock = clock_of_all(run);
    fprintf(out, "\n");
    print_text(out, "", "all workloads, relative to %s (below 1: faster, smaller)",
               text_of(run, "baseline"));
    fprintf(out, "%*s%-*s %*s %-*s %*s\n", INDENT, "", width, "geometric mean", RATIO, clock.word,
            interval_width(run), "95 % interval", PEAK, "peak RSS");
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        const char *id = text_of(backend, "id");
        const json_t *cpu = find_row(suite, NULL, id, clock.metric);
        const json_t *peak = find_row(suite, NULL, id, "peak_rss_bytes");
        if (strcmp(text_of(backend, "status"), "ok") != 0) {
            continue;
        }
        print_label(out, backend, width);
        print_ratio(out, run, cpu, "geomean_ratio");
        print_number(out, json_object_get(peak, "geomean_ratio"), PEAK, 3, 1);
        print_part(out, run, cpu);
        fprintf(out, "\n");
    }
}

static double geomean_of(const json_t *row)
{
    const json_t *value = json_object_get(row, "geomean_ratio");
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static struct pab_level_ratios ratios_of(const void *run, const char *backend)
{
    const json_t *suite = json_object_get(run, "suite");
    return (struct pab_level_ratios){
        .time = geomean_of(find_row(suite, NULL, backend, clock_of_all(run).metric)),
        .memory = geomean_of(find_row(suite, NULL, backend, "peak_rss_bytes")),
    };
}

static void print_levels(FILE *out, const json_t *run)
{
    struct pab_levels levels = {json_object_get(run, "backends"), ratios_of, run,
                                control_failed(run)};
    pab_levels_print(out, &levels);
}

/* What more threads do to memory. */
static void print_blowup(FILE *out, const json_t *run)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "blowup"), index, row)
    {
        if (index == 0) {
            fprintf(out,
                    "\nblowup: F_peak over that of one thread, at an equal peak of bytes asked "
                    "for\n");
        }
        fprintf(out, "  %s on %s: %.2f\n", text_of(row, "workload"), text_of(row, "backend"),
                json_number_value(json_object_get(row, "value")));
    }
}

/* What is missing from the table, and why: on a terminal the first word of it scrolled away. */
static void print_failures(FILE *out, const json_t *run)
{
    size_t index = 0;
    json_t *failure = NULL;
    json_array_foreach(json_object_get(run, "failures"), index, failure)
    {
        const char *workload = text_of(failure, "workload");
        const char *backend = text_of(failure, "backend");
        bool is_control = strcmp(text_of(failure, "pass"), PAB_CONTROL_PASS) == 0;
        fprintf(out, "%s%s%s%s%s: %s: %s\n",
                index == 0 ? "\nnot measured, or not to the end:\n  " : "  ", workload,
                workload[0] != '\0' && backend[0] != '\0' ? " on " : "", backend,
                is_control ? ", the control" : "", text_of(failure, "kind"),
                text_of(failure, "message"));
    }
}

/* How far an interval reaches from 1, in per cent; 0 where there is none. */
static double reach_percent(const json_t *row)
{
    double lo = json_number_value(json_object_get(row, "lo"));
    double hi = json_number_value(json_object_get(row, "hi"));
    if (!(lo > 0 && hi > 0)) {
        return 0;
    }
    return 100 * (fmax(hi, 1 / lo) - 1);
}

/* "1.002 [0.995, 1.009] over all workloads": what a control that held says. */
static void print_held_control(FILE *out, const json_t *control)
{
    const json_t *rows = json_object_get(control, "rows");
    double widest = 0;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        widest = fmax(widest, reach_percent(row));
    }
    /* The row over all workloads stands last; one workload has no other. */
    const json_t *all = json_array_get(rows, json_array_size(rows) - 1);
    bool has_all = json_array_size(rows) > 1;
    char single[80] = "";
    if (has_all) {
        snprintf(single, sizeof(single), " (on a single workload, under %.1f %%)", widest);
    }
    fprintf(out, "\n");
    print_text(out, "",
               "control: %s against itself %.3f [%.3f, %.3f]%s: differences under %.1f %% are "
               "noise%s",
               text_of(all, "backend"), json_number_value(json_object_get(all, "ratio")),
               json_number_value(json_object_get(all, "lo")),
               json_number_value(json_object_get(all, "hi")), has_all ? " over all" : "",
               reach_percent(all), single);
}

/* Has it the passes that the tables are made from? */
static bool has_tables(const json_t *run)
{
    size_t index = 0;
    json_t *pass = NULL;
    json_array_foreach(json_object_get(run, "passes"), index, pass)
    {
        const char *name = json_string_value(pass);
        if (strcmp(name, "time") == 0 || strcmp(name, "memory") == 0) {
            return true;
        }
    }
    return false;
}

/* The A/A control in plain words, where anything was timed. */
static void print_control(FILE *out, const json_t *run)
{
    const json_t *control = control_of(run);
    const json_t *words = json_object_get(control, "words");
    const char *verdict = text_of(control, "verdict");
    if (strcmp(verdict, "good") == 0) {
        print_held_control(out, control);
    } else if (control_failed(run)) {
        fprintf(out, "\nCONTROL FAILED (!): take no time verdict from this run.\n");
        print_text(out, "", "%s", json_string_value(json_array_get(words, 0)));
    } else if (verdict[0] != '\0') {
        bool is_left_out = json_integer_value(json_object_get(run, "control_every")) == 0 &&
                           strcmp(verdict, "none") == 0;
        fprintf(out, "\n");
        print_text(out, "", "control: %s",
                   is_left_out ? "none (--no-control): nobody can say how far noise reaches here"
                               : json_string_value(json_array_get(words, 0)));
    }
}

static bool is_measured(const json_t *run, const char *backend)
{
    const json_t *row = find_row(json_object_get(run, "suite"), NULL, backend, "cpu_ns_per_op");
    return json_is_number(json_object_get(row, "geomean_ratio"));
}

#define INTERVAL_ROUNDS 6 /* fewer cannot be significant at 5 %, whatever they say */

static void print_cautions(FILE *out, const json_t *run)
{
    long long rounds = own_rounds(run, "rounds");
    const char *baseline = text_of(run, "baseline");
    if (has_tables(run) && rounds < INTERVAL_ROUNDS) {
        print_text(out,
                   "note: ", "%lld round%s no interval (it takes %d): quote none of these figures",
                   rounds, rounds == 1 ? " gives" : "s give", INTERVAL_ROUNDS);
    }
    if (has_tables(run) && !is_measured(run, baseline)) {
        print_text(out, "note: ",
                   "the baseline %s has no time, so there are no ratios; --baseline names another",
                   baseline);
    }
    size_t index = 0;
    json_t *warning = NULL;
    json_array_foreach(json_object_get(json_object_get(run, "noise"), "warnings"), index, warning)
    {
        print_text(out, "note: ", "%s", json_string_value(warning));
    }
    const json_t *noise = json_object_get(run, "noise");
    if (json_array_size(json_object_get(noise, "random_addresses")) > 0) {
        print_text(out, "note: ", "%s", PAB_RANDOM_ADDRESSES);
    }
    const json_t *words = json_object_get(control_of(run), "words");
    for (size_t i = 1; i < json_array_size(words); i++) { /* the first is the control's verdict */
        print_text(out, "note: ", "%s", json_string_value(json_array_get(words, i)));
    }
    if (!json_is_true(json_object_get(run, "complete"))) {
        fprintf(out, "note: the run was interrupted; these are the figures so far\n");
    }
}

static void print_notes(FILE *out, const json_t *run)
{
    const json_t *provenance = json_object_get(run, "provenance");
    fprintf(out, "\n");
    print_text(out, "",
               "ratio: CPU time%s over %s's, paired by round (Hodges-Lehmann; signed-rank "
               "interval). F_peak: RSS gained at the peak over bytes asked for. F_ret: share of it "
               "still held when all was freed. int. %%: usable bytes that nobody asked for.",
               wall_count(run) > 0 ? " (wall time where threads run at once)" : "",
               text_of(run, "baseline"));
    print_text(out, "",
               "-: not measured, or does not apply (live peak under 32 MiB, or the allocator "
               "cannot be asked).");
    const json_t *shard = json_object_get(run, "shard");
    if (json_is_object(shard)) {
        fprintf(out, "shard %lld of %lld: the others' rounds are missing here\n",
                (long long)json_integer_value(json_object_get(shard, "index")),
                (long long)json_integer_value(json_object_get(shard, "count")));
    }
    long long timed = own_rounds(run, "rounds");
    print_text(out, "", "%lld round%s of time, %lld of memory, seed %lld; %s, %s, %s", timed,
               timed == 1 ? "" : "s", own_rounds(run, "memory_rounds"),
               (long long)json_integer_value(json_object_get(run, "seed")),
               text_of(provenance, "cpu_model"), text_of(provenance, "kernel"),
               text_of(provenance, "libc"));
    print_cautions(out, run);
}

/* Figures of any other pass stand in the document; its reader prints them. */
static void print_other_passes(FILE *out, const json_t *run)
{
    char names[200] = "";
    size_t used = 0;
    size_t index = 0;
    json_t *pass = NULL;
    json_array_foreach(json_object_get(run, "passes"), index, pass)
    {
        const char *name = json_string_value(pass);
        if (strcmp(name, "time") != 0 && strcmp(name, "memory") != 0 && used < sizeof(names)) {
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s.*",
                                     used > 0 ? "," : "", name);
        }
    }
    if (used > 0) {
        fprintf(out, "\n");
        print_text(out, "", "figures of the other passes: pyallocbench compare FILE --metrics '%s'",
                   names);
    }
}

void pab_report_print(FILE *out, const json_t *document)
{
    const json_t *run = json_object_get(document, "pyallocbench");
    int width = label_width(run);
    if (json_array_size(json_object_get(run, "samples")) == 0) {
        return; /* nothing was measured: stderr has said why */
    }
    print_other_passes(out, run);
    if (!has_tables(run)) {
        print_failures(out, run);
        print_cautions(out, run);
        return;
    }
    size_t index = 0;
    json_t *workload = NULL;
    json_array_foreach(json_object_get(run, "workloads"), index, workload)
    {
        print_workload(out, run, workload, width);
    }
    if (index > 0) {
        print_suite(out, run, width);
        print_levels(out, run);
        print_blowup(out, run);
        print_control(out, run);
        print_failures(out, run);
        print_notes(out, run);
    }
}
