#include "harness/report.h"

#include "harness/compare/words.h"
#include "harness/plan.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

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

/* Columns of an interval, and of "!" behind it. */
static int interval_width(const json_t *run)
{
    return control_failed(run) ? 17 : 15;
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
    print_number(out, ratio, 7, 3, 1);
    fprintf(out, " %-*s", interval_width(run), text);
}

static const json_t *median_of(const json_t *summary, const char *workload, const char *backend,
                               const char *metric)
{
    return json_object_get(find_row(summary, workload, backend, metric), "median");
}

static int widest_id(const json_t *backends)
{
    int width = (int)strlen("geometric mean");
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(backends, index, backend)
    {
        int length = (int)strlen(text_of(backend, "id"));
        width = length > width ? length : width;
    }
    return width < 64 ? width : 64;
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
    fprintf(out, "  %-*.*s", width, width, id);
    print_number(out, json_object_get(cpu, "median"), 9, 2, 1);
    print_ratio(out, run, cpu, "ratio");
    print_number(out, median_of(summary, name, id, "peak_rss_bytes"), 9, 1, 1.0 / (1 << 20));
    print_number(out, median_of(summary, name, id, "f_peak"), 7, 3, 1);
    print_number(out, median_of(summary, name, id, "f_ret"), 7, 3, 1);
    print_number(out, median_of(summary, name, id, "internal"), 8, 1, 100);
    long long count = (long long)json_integer_value(json_object_get(cpu, "n"));
    if (count > 0 && count < own_rounds(run, "rounds")) {
        fprintf(out, "  (%lld rounds only)", count);
    }
    fprintf(out, "%s\n", json_is_true(json_object_get(backend, "ranked")) ? "" : "  (floor)");
}

static void print_workload(FILE *out, const json_t *run, const json_t *workload, int width)
{
    fprintf(out, "\n%s: %s\n", text_of(workload, "id"), text_of(workload, "summary"));
    if (json_is_true(json_object_get(workload, "oversubscribed"))) {
        fprintf(out, "  (oversubscribed: more threads than CPUs, so they wait for each other)\n");
    }
    const char *clock = is_wall(workload) ? " wall ns/op" : " CPU ns/op";
    fprintf(out, "  %-*s%s %7s %-*s %9s %7s %7s %8s\n", width + 10 - (int)strlen(clock), "", clock,
            "ratio", interval_width(run), "95 % interval", "peak MiB", "F_peak", "F_ret",
            "intern %");
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

/* Wall time, where it speaks for every workload. */
static const char *clock_of_all(const json_t *run)
{
    size_t index = 0;
    json_t *workload = NULL;
    json_array_foreach(json_object_get(run, "workloads"), index, workload)
    {
        if (!is_wall(workload)) {
            return "cpu_ns_per_op";
        }
    }
    return index > 0 ? "wall_ns_per_op" : "cpu_ns_per_op";
}

static void print_suite(FILE *out, const json_t *run, int width)
{
    const json_t *suite = json_object_get(run, "suite");
    const char *clock = clock_of_all(run);
    fprintf(out, "\nall workloads, relative to %s (below 1: faster, smaller)\n",
            text_of(run, "baseline"));
    fprintf(out, "  %-*s %7s %-*s %9s\n", width, "geometric mean", clock[0] == 'w' ? "wall" : "CPU",
            interval_width(run), "95 % interval", "peak RSS");
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        const char *id = text_of(backend, "id");
        const json_t *cpu = find_row(suite, NULL, id, clock);
        const json_t *peak = find_row(suite, NULL, id, "peak_rss_bytes");
        if (strcmp(text_of(backend, "status"), "ok") != 0) {
            continue;
        }
        fprintf(out, "  %-*.*s", width, width, id);
        print_ratio(out, run, cpu, "geomean_ratio");
        print_number(out, json_object_get(peak, "geomean_ratio"), 9, 3, 1);
        fprintf(out, "%s\n", json_is_true(json_object_get(backend, "ranked")) ? "" : "  (floor)");
    }
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
    fprintf(out,
            "\ncontrol: %s against itself %.3f [%.3f, %.3f]%s: differences under %.1f %% are noise",
            text_of(all, "backend"), json_number_value(json_object_get(all, "ratio")),
            json_number_value(json_object_get(all, "lo")),
            json_number_value(json_object_get(all, "hi")), has_all ? " over all" : "",
            reach_percent(all));
    if (has_all) {
        fprintf(out, "\n(on a single workload, under %.1f %%)", widest);
    }
    fprintf(out, "\n");
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
        fprintf(out, "\nCONTROL FAILED (!): take no time verdict from this run.\n%s\n",
                json_string_value(json_array_get(words, 0)));
    } else if (verdict[0] != '\0') {
        bool is_left_out = json_integer_value(json_object_get(run, "control_every")) == 0 &&
                           strcmp(verdict, "none") == 0;
        fprintf(out, "\ncontrol: %s\n",
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
    if (rounds < INTERVAL_ROUNDS) {
        fprintf(out, "note: %lld round%s no interval (it takes %d): quote none of these figures\n",
                rounds, rounds == 1 ? " gives" : "s give", INTERVAL_ROUNDS);
    }
    if (!is_measured(run, baseline)) {
        fprintf(out,
                "note: the baseline %s has no time, so there are no ratios; --baseline names "
                "another\n",
                baseline);
    }
    size_t index = 0;
    json_t *warning = NULL;
    json_array_foreach(json_object_get(json_object_get(run, "noise"), "warnings"), index, warning)
    {
        fprintf(out, "note: %s\n", json_string_value(warning));
    }
    const json_t *noise = json_object_get(run, "noise");
    if (json_array_size(json_object_get(noise, "random_addresses")) > 0) {
        fprintf(out, "note: %s\n", PAB_RANDOM_ADDRESSES);
    }
    const json_t *words = json_object_get(control_of(run), "words");
    for (size_t i = 1; i < json_array_size(words); i++) { /* the first is the control's verdict */
        fprintf(out, "note: %s\n", json_string_value(json_array_get(words, i)));
    }
    if (!json_is_true(json_object_get(run, "complete"))) {
        fprintf(out, "note: the run was interrupted; these are the figures so far\n");
    }
}

static void print_notes(FILE *out, const json_t *run)
{
    const json_t *provenance = json_object_get(run, "provenance");
    fprintf(out,
            "\nratio: CPU (wall) time over %s's, paired by round (Hodges-Lehmann; signed-rank "
            "interval)."
            "\nF_peak: RSS gained at the peak over bytes asked for. F_ret: share of it still held "
            "when all\nwas freed. intern %%: usable bytes that nobody asked for. -: not measured, "
            "or does not apply\n(live peak under 32 MiB, or the allocator cannot be asked).\n",
            text_of(run, "baseline"));
    const json_t *shard = json_object_get(run, "shard");
    if (json_is_object(shard)) {
        fprintf(out, "shard %lld of %lld: the others' rounds are missing here\n",
                (long long)json_integer_value(json_object_get(shard, "index")),
                (long long)json_integer_value(json_object_get(shard, "count")));
    }
    long long timed = own_rounds(run, "rounds");
    fprintf(out, "%lld round%s of time, %lld of memory, seed %lld; %s, %s, %s\n", timed,
            timed == 1 ? "" : "s", own_rounds(run, "memory_rounds"),
            (long long)json_integer_value(json_object_get(run, "seed")),
            text_of(provenance, "cpu_model"), text_of(provenance, "kernel"),
            text_of(provenance, "libc"));
    print_cautions(out, run);
}

void pab_report_print(FILE *out, const json_t *document)
{
    const json_t *run = json_object_get(document, "pyallocbench");
    int width = widest_id(json_object_get(run, "backends"));
    if (json_array_size(json_object_get(run, "samples")) == 0) {
        return; /* nothing was measured: stderr has said why */
    }
    size_t index = 0;
    json_t *workload = NULL;
    json_array_foreach(json_object_get(run, "workloads"), index, workload)
    {
        print_workload(out, run, workload, width);
    }
    if (index > 0) {
        print_suite(out, run, width);
        print_blowup(out, run);
        print_control(out, run);
        print_failures(out, run);
        print_notes(out, run);
    }
}
