/* harness/cmd_run.c -- `run`: from the command line to the document. */
#include "harness/cmd.h"
#include "harness/document.h"
#include "harness/experiment.h"
#include "harness/host.h"
#include "harness/report.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_OUTPUT "pyallocbench.json"

enum option_key {
    OPTION_PRESET = 256,
    OPTION_ROUNDS,
    OPTION_SEED,
    OPTION_PASSES,
    OPTION_BASELINE,
    OPTION_TIMEOUT,
    OPTION_RESUME,
};

static const struct argp_option options[] = {
    {"backends", 'b', "SPECS", 0,
     "Allocators, separated by commas: NAME[:key=value]...[+RAW]. "
     "`pymalloc+jemalloc` is pymalloc with jemalloc below it. Default: all that are installed",
     1},
    {"workloads", 'w', "GLOBS", 0, "Workloads to run (default: the default set)", 1},
    {"exclude", 'x', "GLOBS", 0, "Workloads to leave out", 1},
    {"param", 'p', "W.PARAM=VALUE", 0, "Sets a workload's parameter; W may be a glob", 1},
    {"baseline", OPTION_BASELINE, "SPEC", 0, "Whom ratios refer to (default: the first of -b)", 1},
    {"preset", OPTION_PRESET, "NAME", 0, "smoke, quick, default or rigorous", 2},
    {"rounds", OPTION_ROUNDS, "N", 0, "Rounds of the time pass, in place of the preset's", 2},
    {"passes", OPTION_PASSES, "LIST", 0, "time, memory or both (default)", 2},
    {"seed", OPTION_SEED, "N", 0, "Of inputs and of the order of cells (default: 1)", 2},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "For one cell (default: 60)", 2},
    {"output", 'o', "FILE", 0, "The results document (default: " DEFAULT_OUTPUT ")", 3},
    {"resume", OPTION_RESUME, "FILE", 0, "Finishes an interrupted run that was to write FILE", 3},
    {"quiet", 'q', NULL, 0, "No progress on stderr", 3},
    {0},
};

static const char doc[] =
    "Measures every backend on every workload: CPU time in rounds of random order, each sample in "
    "a process of its own; then memory. Prints a table and writes a document.\v"
    "Exit status: 0 good; 1 a file could not be used; 2 usage; 4 a cell crashed or was wrong, or a "
    "backend that -b names is not available (the other cells are complete); 6 the run to resume "
    "was made by another build or on another machine; 77 nothing of what was asked is available; "
    "130, 143 interrupted, the results so far are kept.";

struct arguments {
    struct pab_request request;
    const char *output, *resume;
    bool quiet;
};

static double parse_number(struct argp_state *state, const char *name, const char *text,
                           double least, double most)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(value >= least) || !(value <= most)) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "--%s %s: a number within %g..%g is needed", name,
                     text, least, most);
    }
    return value;
}

static uint64_t parse_whole(struct argp_state *state, const char *name, const char *text,
                            uint64_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || text[0] == '-' || value > most) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "--%s %s: a whole number up to %llu is needed", name,
                     text, (unsigned long long)most);
    }
    return value;
}

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
        arguments->output = value;
        break;
    case 'q':
        arguments->quiet = true;
        break;
    case OPTION_PRESET:
        request->preset = value;
        break;
    case OPTION_ROUNDS:
        request->rounds = (long)parse_number(state, "rounds", value, 1, 100000);
        break;
    case OPTION_SEED:
        request->seed = parse_whole(state, "seed", value, ((uint64_t)1 << 53) - 1);
        request->has_seed = true;
        break;
    case OPTION_PASSES:
        request->passes = value;
        break;
    case OPTION_BASELINE:
        request->baseline = value;
        break;
    case OPTION_TIMEOUT:
        request->timeout_s = parse_number(state, "timeout", value, 0.1, 86400);
        break;
    case OPTION_RESUME:
        arguments->resume = value;
        break;
    case ARGP_KEY_ARG:
        argp_failure(state, PAB_EXIT_USAGE, 0, "run takes no argument '%s'; see --help", value);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- signals -------------------------------------------------------------------------------- */

static volatile int interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: poll() must return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write() */
}

/* --- header --------------------------------------------------------------------------------- */

static json_t *argv_to_json(int argc, char **argv)
{
    json_t *out = json_array();
    json_array_append_new(out, json_string("pyallocbench"));
    for (int i = 0; i < argc; i++) {
        json_t *word = json_string(argv[i]);
        json_array_append_new(out, word != NULL ? word : json_string("?"));
    }
    return out;
}

static json_t *make_header(const struct pab_plan *plan, int argc, char **argv)
{
    char started[32];
    char run_id[64];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pab_host_utc(started, sizeof(started));
    snprintf(run_id, sizeof(run_id), "%08llx%08lx%04x", (unsigned long long)now.tv_sec,
             (unsigned long)now.tv_nsec, (unsigned)getpid() & 0xffffu);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:o, s:o, s:I}", "schema", PAB_SCHEMA,
                     "run_id", run_id, "argv", argv_to_json(argc, argv), "plan",
                     pab_plan_to_json(plan), "provenance", pab_host_provenance(), "started",
                     started, "started_s", (json_int_t)now.tv_sec, "load_before", pab_host_load(),
                     "warnings", pab_host_advice(), "steal_before",
                     (json_int_t)pab_host_steal_ticks());
}

/* The rest of a run has to come from the same build on the same machine. */
static enum pab_status check_same_host(const json_t *header, struct pab_error *err)
{
    static const char *const keys[] = {"binary_build_id", "cpu_model", "libc", "kernel"};
    const json_t *then = json_object_get(header, "provenance");
    json_t *now = pab_host_provenance();
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < ARRAY_COUNT(keys) && status == PAB_OK; i++) {
        const char *was = json_string_value(json_object_get(then, keys[i]));
        const char *is = json_string_value(json_object_get(now, keys[i]));
        if (was == NULL || strcmp(was, is) != 0) {
            status = pab_fail(err, PAB_NOT_COMPARABLE,
                              "the run cannot be resumed: its %s was %s, now it is %s; start a new "
                              "run",
                              keys[i], was == NULL ? "not recorded" : was, is);
        }
    }
    json_decref(now);
    return status;
}

/* --- the run -------------------------------------------------------------------------------- */

static int finish(struct pab_journal *journal, const char *path,
                  const struct pab_experiment_result *result, const struct pab_error *trouble)
{
    bool complete = interrupted == 0 && trouble == NULL;
    json_t *document = pab_document_make(pab_journal_record(journal), complete);
    struct pab_error err;
    enum pab_status written = pab_document_write(document, path, &err);
    pab_report_print(stdout, document);
    json_decref(document);
    pab_journal_close(journal, !complete || written != PAB_OK);
    if (trouble != NULL) {
        int code = pab_cmd_fail(trouble);
        fprintf(stderr,
                "pyallocbench: what was measured is in %s.partial; finish it with: "
                "pyallocbench run --resume %s\n",
                path, path);
        return code;
    }
    if (written != PAB_OK) {
        int code = pab_cmd_fail(&err);
        fprintf(stderr,
                "pyallocbench: what was measured is in %s.partial; make room, then: "
                "pyallocbench run --resume %s\n",
                path, path);
        return code;
    }
    fprintf(stderr, "\nwrote %s; draw it with: pyallocbench plot %s -o DIR\n", path, path);
    if (interrupted != 0) {
        fprintf(stderr, "interrupted; finish it with: pyallocbench run --resume %s\n", path);
        return 128 + interrupted;
    }
    if (result->backends_available == 0 && result->backends_broken == 0) {
        fprintf(stderr, "pyallocbench: none of the backends asked for is available here\n");
        return PAB_EXIT_NOTHING;
    }
    return result->failures > 0 ? PAB_EXIT_FAILED : PAB_EXIT_GOOD;
}

static int carry_out(const struct pab_plan *plan, struct pab_journal *journal, const char *path,
                     bool quiet)
{
    struct pab_experiment experiment = {
        .plan = plan, .journal = journal, .interrupted = &interrupted, .quiet = quiet};
    struct pab_experiment_result result;
    struct pab_error err;
    catch_signals();
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
        status = pab_journal_create(path, make_header(&plan, argc, argv), &journal, &err);
    }
    int code =
        status == PAB_OK ? carry_out(&plan, journal, path, arguments->quiet) : pab_cmd_fail(&err);
    pab_plan_fini(&plan);
    return code;
}

static int run_resumed(const struct arguments *arguments)
{
    const char *path = arguments->resume;
    struct pab_plan plan;
    struct pab_journal *journal = NULL;
    struct pab_error err;
    enum pab_status status = pab_journal_resume(path, &journal, &err);
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    const json_t *header = json_object_get(pab_journal_record(journal), "header");
    status = check_same_host(header, &err);
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
    if (arguments.resume != NULL) {
        return run_resumed(&arguments);
    }
    argv[0] = "run";
    return run_new(&arguments, argc, argv);
}
