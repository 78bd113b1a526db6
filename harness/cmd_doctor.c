/* harness/cmd_doctor.c -- `doctor`: looks and advises, changes nothing. */
#include "harness/cmd.h"
#include "harness/doctor.h"
#include "harness/json_text.h"
#include "harness/noise.h"
#include "harness/self.h"
#include "harness/text.h"

#include <argp.h>
#include <math.h>
#include <unistd.h>

#define SPIN_TRIALS 40
#define SPIN_LENGTH 2000000

#define SPREAD_NOTED 3.0 /* per cent: intervals widen from here on */
#define SPREAD_MOST  5.0 /* per cent: allocators often differ by no more */

#define MEASURE_SECONDS 12.0
#define MEASURED        "measured" /* the section that only --measure has */

enum { INDENT = 2, VALUE = 18 };

enum option_key { OPTION_MEASURE = 256, OPTION_JSON };

static const struct argp_option options[] = {
    {"measure", OPTION_MEASURE, "TIME", OPTION_ARG_OPTIONAL,
     "Also run backends against themselves, for TIME (default: 12s): what could a run find here?",
     1},
    {"json", OPTION_JSON, NULL, 0, "The same for programs", 1},
    {0},
};

static const char doc[] =
    "Looks at this machine: what can be measured, what makes figures noisy, and what to do about "
    "it. Changes nothing.\v"
    "Exit status: 0 good; 2 usage; 77 a backend of the default set is missing; 130, 143 "
    "interrupted. Whether the machine is quiet enough is the last line, not the exit status.";

struct arguments {
    double measure_s; /* 0: not at all */
    bool is_json;
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_MEASURE:
        arguments->measure_s =
            value == NULL ? MEASURE_SECONDS : pab_cmd_duration(state, "measure", value, 1, 3600);
        break;
    case OPTION_JSON:
        arguments->is_json = true;
        break;
    case ARGP_KEY_ARG:
        argp_failure(state, PAB_EXIT_USAGE, 0, "doctor takes no argument '%s'", value);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* The same fixed arithmetic many times over: its spread is the machine's, not a program's. */
static double spin_spread_percent(void)
{
    double least = INFINITY;
    double sum = 0;
    for (int trial = 0; trial < SPIN_TRIALS; trial++) {
        uint64_t before = pab_wall_ns();
        volatile uint64_t value = 1;
        for (int i = 0; i < SPIN_LENGTH; i++) {
            value = value * 6364136223846793005u + 1442695040888963407u;
        }
        double spent = (double)(pab_wall_ns() - before);
        least = spent < least ? spent : least;
        sum += spent;
    }
    return 100 * (sum / SPIN_TRIALS / least - 1);
}

static void add_arithmetic(json_t *rows, double spread)
{
    const char *advice =
        spread > SPREAD_NOTED
            ? "stop other work and look again; on a shared machine try a quieter hour or one of "
              "your own; more rounds (--preset rigorous) narrow the intervals, and what lies "
              "within them is no difference"
            : NULL;
    pab_doctor_add(rows,
                   spread > SPREAD_MOST ? PAB_DOCTOR_BAD
                   : advice != NULL     ? PAB_DOCTOR_NOTE
                                        : PAB_DOCTOR_GOOD,
                   "arithmetic", advice, "a fixed piece takes %.1f %% longer than at its fastest",
                   spread);
}

/* The name of the first row that is bad, or NULL. Missing backends are no noise. */
static const json_t *first_bad(const json_t *report)
{
    static const char *const sections[] = {"host", "noise", MEASURED};
    for (size_t i = 0; i < ARRAY_COUNT(sections); i++) {
        size_t index = 0;
        json_t *row = NULL;
        json_array_foreach(json_object_get(report, sections[i]), index, row)
        {
            if (pab_json_is(row, "state", PAB_DOCTOR_BAD)) {
                return row;
            }
        }
    }
    return NULL;
}

/* A plain answer, with its reason. */
static void set_verdict(json_t *report)
{
    const json_t *bad = first_bad(report);
    const char *name = pab_json_text(bad, "name");
    char text[1200];
    if (bad == NULL) {
        snprintf(text, sizeof(text), "little else runs and the machine's own speed is steady");
    } else if (strcmp(name, "environment") == 0 || strcmp(name, "build") == 0) {
        snprintf(text, sizeof(text), "%s", pab_json_text(bad, "advice"));
    } else {
        snprintf(text, sizeof(text), "of its %s: %s", name, pab_json_text(bad, "value"));
    }
    json_object_set_new(report, "good", json_boolean(bad == NULL));
    json_object_set_new(report, "because", json_string(text));
}

static enum pab_status look(const struct arguments *arguments, const volatile int *interrupted,
                            json_t *report, struct pab_error *err)
{
    json_t *before = pab_noise_look(""); /* before our own work shows in it */
    json_object_set_new(report, "host", pab_doctor_host());
    json_object_set_new(report, "backends", pab_doctor_backends());
    json_object_set_new(report, "can measure", pab_doctor_tools());
    double spread = spin_spread_percent();
    json_object_set_new(report, "noise", pab_doctor_noise(before));
    add_arithmetic(json_object_get(report, "noise"), spread);
    json_decref(before);
    json_t *measured = NULL;
    enum pab_status status = PAB_OK;
    if (arguments->measure_s > 0) {
        status = pab_doctor_measure(arguments->measure_s, interrupted, &measured, err);
    }
    json_object_set_new(report, MEASURED, measured == NULL ? json_null() : measured);
    set_verdict(report);
    return status;
}

/* --- showing ---------------------------------------------------------------------------------- */

static void show_row(const json_t *row)
{
    char head[48];
    char text[1200];
    bool is_bad = pab_json_is(row, "state", PAB_DOCTOR_BAD);
    const char *advice = pab_json_text(row, "advice");
    snprintf(head, sizeof(head), "%*s%s", INDENT, "", pab_json_text(row, "name"));
    snprintf(text, sizeof(text), "%s%s", is_bad ? "! " : "", pab_json_text(row, "value"));
    pab_text_item(head, VALUE, text);
    if (advice[0] != '\0') {
        snprintf(text, sizeof(text), "-> %s", advice);
        pab_text_item("", VALUE, text);
    }
}

static void show(const json_t *report)
{
    const char *name = NULL;
    json_t *rows = NULL;
    json_object_foreach((json_t *)report, name, rows)
    {
        size_t index = 0;
        json_t *row = NULL;
        if (!json_is_array(rows)) {
            continue;
        }
        printf("%s\n", name);
        json_array_foreach(rows, index, row)
        {
            show_row(row);
        }
        printf("\n");
    }
    char text[1400];
    snprintf(text, sizeof(text), "%s, because %s",
             json_is_true(json_object_get(report, "good")) ? "yes" : "no",
             pab_json_text(report, "because"));
    pab_text_item("good enough to compare:", 24, text);
    if (json_is_null(json_object_get(report, MEASURED))) {
        pab_text_item("", 0,
                      "What a run could find here, `doctor --measure` says after 12 seconds.");
    }
}

static bool is_backend_missing(const json_t *report)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(report, "backends"), index, row)
    {
        if (pab_json_is(row, "state", PAB_DOCTOR_BAD)) {
            return true;
        }
    }
    return false;
}

int pab_cmd_doctor(int argc, char **argv)
{
    static const struct argp parser = {.options = options, .parser = parse_option, .doc = doc};
    struct arguments arguments = {0};
    argv[0] = "pyallocbench doctor";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    const volatile int *interrupted = pab_cmd_catch_signals();
    json_t *report = json_pack("{s:s}", "schema", "pyallocbench-doctor/1");
    struct pab_error err;
    int code = PAB_EXIT_GOOD;
    if (look(&arguments, interrupted, report, &err) != PAB_OK) {
        code = pab_cmd_fail(&err);
    } else if (*interrupted != 0) {
        code = 128 + *interrupted;
    } else if (is_backend_missing(report)) {
        code = PAB_EXIT_NOTHING;
    }
    if (arguments.is_json) {
        json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
        printf("\n");
    } else {
        show(report);
    }
    json_decref(report);
    return code;
}
