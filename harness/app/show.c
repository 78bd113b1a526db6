#include "harness/app/show.h"

#include "allocators/status.h"
#include "harness/compare/words.h"
#include "harness/json_text.h"
#include "harness/text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

struct view {
    FILE *out;
    const json_t *run, *app;
    const char *program;
    int width; /* of a backend's name */
};

static const json_t *find(const struct view *view, const char *backend, const char *metric)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(view->run, "summary"), index, row)
    {
        if (pab_json_is(row, "workload", view->program) && pab_json_is(row, "backend", backend) &&
            pab_json_is(row, "metric", metric)) {
            return row;
        }
    }
    return NULL;
}

static double number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int widest(const json_t *backends)
{
    int width = 12;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(backends, index, row)
    {
        int length = (int)strlen(pab_json_text(row, "id"));
        width = length > width ? length : width;
    }
    return width < 40 ? width : 40;
}

/* "   0.812" or a dash. */
static void print_number(const struct view *view, double value, int width, int digits)
{
    if (isfinite(value)) {
        fprintf(view->out, " %*.*f", width, digits, value);
    } else {
        fprintf(view->out, " %*s", width, "-");
    }
}

static void print_interval(const struct view *view, const json_t *row)
{
    char text[PAB_FIGURE_MAX];
    fprintf(view->out, " %-14s", pab_words_interval(number(row, "lo"), number(row, "hi"), text));
}

static void print_backend(const struct view *view, const char *id)
{
    const json_t *cpu = find(view, id, "cpu_ns_per_op");
    const json_t *wall = find(view, id, "wall_ns_per_op");
    const json_t *peak = find(view, id, "peak_rss_bytes");
    fprintf(view->out, "  %-*.*s", view->width, view->width, id);
    print_number(view, number(cpu, "median") * 1e-9, 8, 3);
    print_number(view, number(cpu, "ratio"), 6, 3);
    print_interval(view, cpu);
    print_number(view, number(wall, "median") * 1e-9, 8, 3);
    print_number(view, number(wall, "ratio"), 6, 3);
    print_number(view, number(peak, "median") / (1 << 20), 8, 1);
    print_number(view, number(peak, "ratio"), 6, 3);
    fprintf(view->out, "\n");
}

/* How often it ran under the baseline: an interrupt leaves fewer than were asked for. */
static long long rounds_made(const struct view *view)
{
    const char *baseline = pab_json_text(view->run, "baseline");
    long long made = 0;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(view->run, "samples"), index, row)
    {
        made += pab_json_is(row, "workload", view->program) && pab_json_is(row, "pass", "time") &&
                pab_json_is(row, "backend", baseline);
    }
    return made;
}

static void print_table(const struct view *view)
{
    long long made = rounds_made(view);
    fprintf(view->out,
            "%s  (%lld round%s; ratios to %s, paired by round)\n"
            "  %-*s %8s %6s %-14s %8s %6s %8s %6s\n",
            view->program, made, made == 1 ? "" : "s", pab_json_text(view->run, "baseline"),
            view->width, "", "CPU s", "ratio", "95 %", "wall s", "ratio", "peak MiB", "ratio");
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(view->run, "backends"), index, row)
    {
        if (pab_json_is(row, "status", "ok")) {
            print_backend(view, pab_json_text(row, "id"));
        }
    }
}

static void print_configurations(const struct view *view)
{
    size_t index = 0;
    json_t *row = NULL;
    fprintf(view->out, "\n");
    json_array_foreach(json_object_get(view->app, "configurations"), index, row)
    {
        char head[64];
        snprintf(head, sizeof(head), "  %-*.*s is ", view->width, view->width,
                 pab_json_text(row, "backend"));
        pab_text_print(view->out, head, (unsigned)strlen(head), pab_json_text(row, "words"));
    }
}

static void print_change(const struct view *view, double share)
{
    if (isfinite(share)) {
        fprintf(view->out, " %+9.1f", 100 * share);
    } else {
        fprintf(view->out, " %9s", "-");
    }
}

/* "control: ..." */
static void print_note(const struct view *view, const char *head, const char *text)
{
    pab_text_print(view->out, head, (unsigned)strlen(head), text);
}

static void print_prediction(const struct view *view)
{
    const json_t *rows = json_object_get(view->app, "prediction");
    size_t index = 0;
    json_t *row = NULL;
    if (json_array_size(rows) == 0) {
        if (json_is_string(json_object_get(view->app, "replay"))) {
            fprintf(view->out, "\n");
            print_note(view, "note: ",
                       "nothing is foretold: that would be how other configurations differ from "
                       "the first, and -b names no other");
        }
        return;
    }
    fprintf(view->out,
            "\nforetold by %s, in %% of the program under %s (error: points)\n  %-*s %-8s %9s %9s "
            "%9s\n",
            pab_json_text(view->app, "replay"), pab_json_text(view->run, "baseline"), view->width,
            "", "", "foretold", "true", "error");
    json_array_foreach(rows, index, row)
    {
        bool is_cpu = pab_json_is(row, "metric", "cpu_ns_per_op");
        fprintf(view->out, "  %-*.*s %-8s", view->width, view->width, pab_json_text(row, "backend"),
                is_cpu ? "CPU" : "peak");
        print_change(view, number(row, "predicted"));
        print_change(view, number(row, "actual"));
        print_change(view, number(row, "error"));
        fprintf(view->out, "\n");
    }
}

static void print_failures(const struct view *view)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(view->run, "failures"), index, row)
    {
        char head[64];
        snprintf(head, sizeof(head), "failed: %.40s: ", pab_json_text(row, "backend"));
        print_note(view, head, pab_json_text(row, "message"));
    }
}

static void print_notes(const struct view *view)
{
    const json_t *control = json_object_get(json_object_get(view->run, "noise"), "control");
    const char *words = json_string_value(json_array_get(json_object_get(control, "words"), 0));
    char text[400];
    snprintf(text, sizeof(text),
             "user and system time of all its processes. peak: the greatest high-water mark among "
             "them, read by the process itself. Its input was %s, what it printed was %s and "
             "thrown away.",
             json_is_string(json_object_get(view->app, "input")) ? "a file" : "empty",
             json_is_true(json_object_get(view->app, "ignores_output"))
                 ? "not compared (--ignore-output)"
                 : "compared");
    fprintf(view->out, "\n");
    print_note(view, "CPU: ", text);
    if (pab_json_text(view->app, "python")[0] == '\0') {
        print_note(view, "note: ",
                   "it is no Python: PYTHONMALLOC does nothing, so only what is preloaded tells "
                   "these apart");
    }
    if (pab_json_count(view->app, "exit") != 0) {
        snprintf(text, sizeof(text), "it ended with status %lld each time",
                 (long long)pab_json_count(view->app, "exit"));
        print_note(view, "note: ", text);
    }
    if (words != NULL) {
        print_note(view, "control: ", words);
    }
    print_failures(view);
    if (!json_is_true(json_object_get(view->run, "complete"))) {
        print_note(view, "note: ", "it was interrupted; these are the figures so far");
    }
}

void pab_app_show(FILE *out, const json_t *document)
{
    const json_t *run = json_object_get(document, "pyallocbench");
    const json_t *app = json_object_get(run, "app");
    struct view view = {
        .out = out,
        .run = run,
        .app = app,
        .program = pab_json_text(app, "workload"),
        .width = widest(json_object_get(run, "backends")),
    };
    if (json_array_size(json_object_get(run, "samples")) == 0) {
        return;
    }
    print_table(&view);
    print_configurations(&view);
    print_prediction(&view);
    print_notes(&view);
}
