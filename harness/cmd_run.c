/* harness/cmd_run.c -- `run`: from the command line to the document. */
#include "harness/cmd.h"
#include "harness/derived.h"
#include "harness/document.h"
#include "harness/experiment.h"
#include "harness/host.h"
#include "harness/report.h"
#include "harness/threads.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

#define DEFAULT_OUTPUT "pyallocbench.json"

enum option_key {
    OPTION_PRESET = 256,
    OPTION_ROUNDS,
    OPTION_SEED,
    OPTION_PASSES,
    OPTION_BASELINE,
    OPTION_TIMEOUT,
    OPTION_RESUME,
    OPTION_BUDGET,
    OPTION_SHARD,
    OPTION_NO_CONTROL,
    OPTION_THREADS,
    OPTION_AGE,
};

static const struct argp_option options[] = {
    {"backends", 'b', "SPECS", 0,
     "Allocators, separated by commas: NAME[:key=value]...[+RAW]. "
     "`pymalloc+jemalloc` is pymalloc with jemalloc below it. Default: all that are installed, and "
     "the floor `null`",
     1},
    {"workloads", 'w', "GLOBS", 0, "Workloads to run (default: the default set)", 1},
    {"exclude", 'x', "GLOBS", 0, "Workloads to leave out", 1},
    {"param", 'p', "W.PARAM=VALUE", 0,
     "Sets a workload's parameter; W may be a glob. VALUE,VALUE...: a row for each", 1},
    {"threads", OPTION_THREADS, "LIST", 0,
     "Workloads with threads, once with each of these numbers (without -w: all of them): 1,2,4", 1},
    {"age", OPTION_AGE, "LIST", 0,
     "On heaps littered with blocks of the workload's own sizes, of which 25 to 90 per cent stay: "
     "a row for each age; 0 is a young heap",
     1},
    {"baseline", OPTION_BASELINE, "SPEC", 0,
     "Whom ratios refer to (default: the first of -b). Where it is not to be had, the first that "
     "is, a floor only where there is nothing else",
     1},
    {"preset", OPTION_PRESET, "NAME", 0, "sprint, smoke, quick, default or rigorous", 2},
    {"rounds", OPTION_ROUNDS, "N", 0, "Rounds of the time pass, in place of the preset's", 2},
    {"budget", OPTION_BUDGET, "TIME", 0,
     "As many rounds as fit, in place of a number: 90s, 10m, 1h", 2},
    {"shard", OPTION_SHARD, "I/N", 0,
     "Only part I of N of the rounds: another machine runs the others, `merge` joins them", 2},
    {"passes", OPTION_PASSES, "LIST", 0,
     "What to measure (default: time,memory); `list passes` shows all", 2},
    {"no-control", OPTION_NO_CONTROL, NULL, 0,
     "Do not run the baseline twice: saves its time, and nobody sees how far noise reaches", 2},
    {"seed", OPTION_SEED, "N", 0, "Of inputs and of the order of cells (default: 1)", 2},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "For one cell (default: 60)", 2},
    {"output", 'o', "FILE", 0, "The results document (default: " DEFAULT_OUTPUT ")", 3},
    {"resume", OPTION_RESUME, "FILE", 0, "Finishes an interrupted run that was to write FILE", 3},
    {"quiet", 'q', NULL, 0, "No progress on stderr", 3},
    {0},
};

static const char doc[] =
    "Measures every backend on every workload: CPU time in rounds of random order, each sample in "
    "a process of its own; then memory. Prints a table and writes a document, in place of an "
    "older one of that name.\v"
    "Examples:\n"
    "  pyallocbench run --preset smoke\n"
    "  pyallocbench run -b system,jemalloc,pymalloc+jemalloc -o mine.json\n"
    "  pyallocbench run -b pymalloc,pymalloc:pool=4K:arena=256K \\\n"
    "    -w 'small_ints,cyc*'\n"
    "  pyallocbench run -b system,library:./mine.so -p strings.live=5000 \\\n"
    "    --rounds 60\n"
    "  pyallocbench run -b system,system:hooks=debug,pymalloc,pymalloc:hooks=debug\n"
    "  pyallocbench run -b pymalloc,pymalloc:gc.threshold0=2000,pymalloc:gc=off \\\n"
    "    -w 'cyc*'\n\n"
    "`list backends` shows keys, `list workloads` parameters, `list presets` what a preset "
    "does.\n\n"
    "Exit status: 0 good; 1 a file could not be used; 2 usage; 4 a cell crashed or was wrong, or a "
    "backend that -b names is not available (the other cells are complete); 6 the run to resume "
    "was made by another build or on another machine; 77 nothing of what was asked is available; "
    "130, 143 interrupted, the results so far are kept.";

struct arguments {
    struct pab_request request;
    const char *output, *resume;
    bool quiet;
};

static void add_param(struct argp_state *state, struct pab_request *request, const char *text)
{
    if (request->param_count == ARRAY_COUNT(request->params)) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "more than %zu times -p",
                     ARRAY_COUNT(request->params));
    }
    request->params[request->param_count++] = text;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct pab_request *request = &arguments->request;
    switch (key) {
    case 'b':
        request->backends = value;
        break;
    case 'w':
        request->workloads = value;
        break;
    case 'x':
        request->exclude = value;
        break;
    case 'p':
        add_param(state, request, value);
        break;
    case 'o':
        arguments->output = pab_cmd_file(state, "-o", value);
        break;
    case 'q':
        arguments->quiet = true;
        break;
    case OPTION_PRESET:
        request->preset = value;
        break;
    case OPTION_ROUNDS:
        request->rounds = (long)pab_cmd_whole(state, "rounds", value, 1, PAB_ROUNDS_MAX);
        break;
    case OPTION_SEED:
        request->seed = pab_cmd_whole(state, "seed", value, 0, PAB_SEED_MAX);
        request->has_seed = true;
        break;
    case OPTION_PASSES:
        request->passes = value;
        break;
    case OPTION_BASELINE:
        request->baseline = value;
        break;
    case OPTION_TIMEOUT:
        request->timeout_s = pab_cmd_number(state, "timeout", value, 0.1, 86400);
        break;
    case OPTION_BUDGET:
        request->budget_s = pab_cmd_duration(state, "budget", value, 1, 7 * 86400.0);
        break;
    case OPTION_SHARD:
        request->shard = value;
        break;
    case OPTION_NO_CONTROL:
        request->no_control = true;
        break;
    case OPTION_THREADS:
        request->threads = value;
        break;
    case OPTION_AGE:
        request->ages = value;
        break;
    case OPTION_RESUME:
        arguments->resume = pab_cmd_file(state, "--resume", value);
        break;
    case ARGP_KEY_ARG:
        argp_failure(state, PAB_EXIT_USAGE, 0, "run takes no argument '%s'; see --help", value);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* The rest of a run has to come from the same build on the same machine. */
static enum pab_status check_same_host(const json_t *header, struct pab_error *err)
{
    static const char *const keys[] = {"binary_build_id", "cpu_model",  "libc",
                                       "kernel",          "thp",        "governor",
                                       "overcommit",      "environment"};
    const json_t *then = json_object_get(header, "provenance");
    json_t *now = pab_host_provenance();
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < ARRAY_COUNT(keys) && status == PAB_OK; i++) {
        const json_t *was = json_object_get(then, keys[i]);
        const json_t *is = json_object_get(now, keys[i]);
        if (!json_equal(was, is)) {
            const char *was_text = json_string_value(was);
            const char *is_text = json_string_value(is);
            status = pab_fail(err, PAB_NOT_COMPARABLE,
                              "the run cannot be resumed: its %s was %s, now it is %s; start a new "
                              "run",
                              keys[i], was_text == NULL ? "another" : was_text,
                              is_text == NULL ? "this one" : is_text);
        }
    }
    json_decref(now);
    return status;
}

/* --- the run -------------------------------------------------------------------------------- */

static void say_resume(const char *what, const char *path)
{
    char quoted[PAB_QUOTED_MAX];
    pab_shell_quote(path, quoted, sizeof(quoted));
    fprintf(stderr, "%s: %s run --resume %s\n", what, program_invocation_name, quoted);
}

/* Results could not be kept or written: what the journal holds is safe. */
static int finish_in_trouble(const char *path, const struct pab_error *err)
{
    int code = pab_cmd_fail(err);
    say_resume("pyallocbench: what was measured is kept; make room, then finish it with", path);
    return code;
}

static const volatile int *interrupted; /* a signal's number once one came */

static int finish(struct pab_journal *journal, const char *path,
                  const struct pab_experiment_result *result, const struct pab_error *trouble)
{
    int stopped = *interrupted; /* once: a signal during the write changes nothing any more */
    bool complete = stopped == 0 && trouble == NULL;
    json_t *document = pab_document_make(pab_journal_record(journal), complete);
    struct pab_error err;
    enum pab_status written = pab_document_write(document, path, &err);
    pab_report_print(stdout, document);
    fflush(stdout); /* before anything on stderr, should both go to one place */
    struct pab_error no_figure;
    enum pab_status figures =
        pab_derive_expect(json_object_get(document, "pyallocbench"), &no_figure);
    json_decref(document);
    pab_journal_close(journal, !complete || written != PAB_OK);
    if (trouble != NULL || written != PAB_OK) {
        return finish_in_trouble(path, trouble != NULL ? trouble : &err);
    }
    char quoted[PAB_QUOTED_MAX];
    pab_shell_quote(path, quoted, sizeof(quoted));
    fprintf(stderr, "\nwrote %s; draw it with: %s plot %s -o pictures\n", path,
            program_invocation_name, quoted);
    if (stopped != 0) {
        say_resume("interrupted; finish it with", path);
        return 128 + stopped;
    }
    if (result->backends_available == 0 && result->backends_broken == 0) {
        fprintf(stderr, "pyallocbench: none of the backends asked for is available here\n");
        return PAB_EXIT_NOTHING;
    }
    if (result->failures > 0) {
        return PAB_EXIT_FAILED;
    }
    if (figures != PAB_OK) {
        fprintf(stderr, "pyallocbench: no figure came of it: %s\n", no_figure.text);
        return PAB_EXIT_ERROR;
    }
    return PAB_EXIT_GOOD;
}

static int carry_out(const struct pab_plan *plan, struct pab_journal *journal, const char *path,
                     bool quiet)
{
    interrupted = pab_cmd_catch_signals();
    pab_threads_say(plan);
    struct pab_experiment experiment = {
        .plan = plan, .journal = journal, .interrupted = interrupted, .quiet = quiet};
    struct pab_experiment_result result;
    struct pab_error err;
    enum pab_status status = pab_experiment_run(&experiment, &result, &err);
    return finish(journal, path, &result, status == PAB_OK ? NULL : &err);
}

static int run_new(const struct arguments *arguments, int argc, char **argv)
{
    const char *path = arguments->output == NULL ? DEFAULT_OUTPUT : arguments->output;
    struct pab_plan plan;
    struct pab_journal *journal = NULL;
    struct pab_error err;
    enum pab_status status = pab_plan_make(&plan, &arguments->request, &err);
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    status = pab_document_may_replace(path, &err);
    if (status == PAB_OK) {
        status = pab_journal_create(path, pab_document_header(pab_plan_to_json(&plan), argc, argv),
                                    &journal, &err);
    }
    if (status == PAB_OK && pab_journal_aside(journal) != NULL) {
        fprintf(stderr, "pyallocbench: an unfinished run of that name was moved to %s\n",
                pab_journal_aside(journal));
    }
    int code =
        status == PAB_OK ? carry_out(&plan, journal, path, arguments->quiet) : pab_cmd_fail(&err);
    pab_plan_fini(&plan);
    return code;
}

/* The plan of a resumed run is the journal's: whatever else is asked for would be ignored. */
static bool asks_for_more(const struct arguments *arguments)
{
    const struct pab_request *request = &arguments->request;
    return arguments->output != NULL || request->backends != NULL || request->workloads != NULL ||
           request->exclude != NULL || request->preset != NULL || request->passes != NULL ||
           request->baseline != NULL || request->param_count > 0 || request->rounds > 0 ||
           request->has_seed || request->timeout_s > 0 || request->budget_s > 0 ||
           request->shard != NULL || request->no_control || request->threads != NULL ||
           request->ages != NULL;
}

/* FILE, also where FILE.partial is given. */
static void strip_partial(char *path)
{
    size_t length = strlen(path);
    size_t suffix = strlen(".partial");
    if (length > suffix && strcmp(path + length - suffix, ".partial") == 0) {
        path[length - suffix] = '\0';
    }
}

static bool is_gate(const json_t *header)
{
    const json_t *backends = json_object_get(json_object_get(header, "plan"), "backends");
    return json_integer_value(json_object_get(json_array_get(backends, 0), "role")) !=
           PAB_ROLE_BACKEND;
}

static int run_resumed(const struct arguments *arguments)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s", arguments->resume);
    strip_partial(path);
    struct pab_plan plan;
    struct pab_journal *journal = NULL;
    struct pab_error err;
    enum pab_status status = pab_journal_resume(path, &journal, &err);
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    const json_t *header = json_object_get(pab_journal_record(journal), "header");
    status = check_same_host(header, &err);
    if (status == PAB_OK && is_gate(header)) {
        status =
            pab_fail(&err, PAB_USAGE,
                     "%s is of a gate, whose parts follow from each other: run it again", path);
    }
    if (status == PAB_OK) {
        status = pab_plan_from_json(&plan, json_object_get(header, "plan"), &err);
    }
    if (status != PAB_OK) {
        pab_journal_close(journal, true);
        return pab_cmd_fail(&err);
    }
    int code = carry_out(&plan, journal, path, arguments->quiet);
    pab_plan_fini(&plan);
    return code;
}

int pab_cmd_run(int argc, char **argv)
{
    static const struct argp parser = {.options = options, .parser = parse_option, .doc = doc};
    struct arguments arguments = {0};
    argv[0] = "pyallocbench run";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    if (arguments.resume != NULL && asks_for_more(&arguments)) {
        fprintf(stderr, "pyallocbench: --resume takes the plan from FILE: give no other option "
                        "but -q\n");
        return PAB_EXIT_USAGE;
    }
    if (arguments.resume != NULL) {
        return run_resumed(&arguments);
    }
    argv[0] = "run";
    return run_new(&arguments, argc, argv);
}
