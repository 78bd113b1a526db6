/* harness/cmd_app.c -- `app`: a real program under each allocator. */
#include "harness/cmd.h"

#include "harness/app/predict.h"
#include "harness/app/recordings.h"
#include "harness/app/rounds.h"
#include "harness/app/show.h"
#include "harness/app/start.h"
#include "harness/derived.h"
#include "harness/document.h"
#include "harness/experiment.h"
#include "harness/output.h"
#include "harness/text.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_OUTPUT   "app.json"
#define DEFAULT_BACKENDS "pymalloc,pymalloc+jemalloc,system,jemalloc,tcmalloc,mimalloc"
#define DEFAULT_ROUNDS   10
#define DEFAULT_TIMEOUT  600

struct arguments {
    const char *backends, *output, *trace, *library, *input;
    char **command;
    unsigned rounds;
    uint64_t seed;
    double timeout_s;
    bool ignores_output, is_quiet;
};

enum {
    OPTION_ROUNDS = 256,
    OPTION_PREDICT,
    OPTION_IGNORE,
    OPTION_INPUT,
    OPTION_SEED,
    OPTION_TIMEOUT,
    OPTION_LIBRARY,
};

static const struct argp_option options[] = {
    {"backends", 'b', "SPECS", 0,
     "Configurations, separated by commas; ratios are to the first (default: see below)", 0},
    {"rounds", OPTION_ROUNDS, "N", 0, "How often it runs under each (default: 10)", 0},
    {"output", 'o', "FILE", 0, "The results document (default: " DEFAULT_OUTPUT ")", 0},
    {"predict", OPTION_PREDICT, "TRACE", 0,
     "Also replay this recording of it, and hold what that foretells against the truth; `auto` "
     "records it first, beside the document, with the suffix .predict.pabtrace. Takes minutes: "
     "where valgrind "
     "is installed, the instructions of both are counted under it",
     0},
    {"ignore-output", OPTION_IGNORE, NULL, 0,
     "It prints something else each time: compare its exit status alone", 0},
    {"input", OPTION_INPUT, "FILE", 0, "Its standard input (default: empty)", 0},
    {"seed", OPTION_SEED, "N", 0, "Of the order of runs (default: 1)", 0},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "For one run (default: 600)", 0},
    {"quiet", 'q', NULL, 0, "No progress on stderr", 0},
    {"library", OPTION_LIBRARY, "FILE", 0,
     "The preload library (default: libpab_witness.so beside this binary)", 0},
    {0},
};

static const char documentation[] =
    "Runs a real program under each allocator, in rounds of random order, and compares its CPU "
    "time, its wall time and its memory. What its processes say from within proves which "
    "allocator they had; a run that had another gives no figure."
    "\v"
    "Configurations:\n"
    "  pymalloc            the interpreter as it is\n"
    "  pymalloc+jemalloc   LD_PRELOAD alone: what is over 512 bytes, and the\n"
    "                      raw domain\n"
    "  system              PYTHONMALLOC=malloc\n"
    "  jemalloc            PYTHONMALLOC=malloc and LD_PRELOAD: everything\n"
    "  library:./mine.so   the same with a library of yours\n"
    "Without -b, as far as installed:\n"
    "  " DEFAULT_BACKENDS "\n"
    "\n"
    "Examples:\n"
    "  pyallocbench app -- python3 app.py\n"
    "  pyallocbench app -b pymalloc,mimalloc --rounds 30 -- python3 app.py\n"
    "  pyallocbench app --predict auto -- python3 -m json.tool large.json\n"
    "  pyallocbench compare app.json\n"
    "\n"
    "What it prints is compared and thrown away. It runs once unmeasured, then "
    "once a round under each configuration, and under the first one twice (the A/A control). Where "
    "it is no Python only what is preloaded makes a difference. An interrupt leaves a document of "
    "what was measured by then; it cannot be resumed.\n"
    "\n"
    "Exit status: 0 good; 1 a file could not be used; 2 usage; 4 it crashed, hung or printed "
    "something else under a configuration, or had another allocator than was asked for; 77 it "
    "cannot be measured here; 130, 143 interrupted.";

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'b':
        arguments->backends = value;
        return 0;
    case 'o':
        arguments->output = pab_cmd_file(state, "-o", value);
        return 0;
    case 'q':
        arguments->is_quiet = true;
        return 0;
    case OPTION_ROUNDS:
        arguments->rounds = (unsigned)pab_cmd_whole(state, "rounds", value, 1, PAB_ROUNDS_MAX);
        return 0;
    case OPTION_PREDICT:
        arguments->trace = pab_cmd_file(state, "--predict", value);
        return 0;
    case OPTION_IGNORE:
        arguments->ignores_output = true;
        return 0;
    case OPTION_INPUT:
        arguments->input = pab_cmd_file(state, "--input", value);
        return 0;
    case OPTION_SEED:
        arguments->seed = pab_cmd_whole(state, "seed", value, 0, PAB_SEED_MAX);
        return 0;
    case OPTION_TIMEOUT:
        arguments->timeout_s = pab_cmd_number(state, "timeout", value, 0.1, 86400);
        return 0;
    case OPTION_LIBRARY:
        arguments->library = value;
        return 0;
    case ARGP_KEY_ARG: /* the rest is the program's */
        arguments->command = &state->argv[state->next - 1];
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (arguments->command == NULL) {
            argp_failure(state, PAB_EXIT_USAGE, 0,
                         "which program? e.g. app -- python3 -m timeit -n 9 'list(range(999))'");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what is run ------------------------------------------------------------------------------ */

/* All but the workloads and the passes. A program runs once: first bodies are what foretells it. */
static struct pab_request request_of(const struct arguments *arguments)
{
    return (struct pab_request){
        .backends = arguments->backends == NULL ? DEFAULT_BACKENDS : arguments->backends,
        .workloads = "small_ints", /* makes room for the program */
        .preset = "sprint",
        .rounds = (long)arguments->rounds,
        .seed = arguments->seed,
        .has_seed = true,
        .timeout_s = arguments->timeout_s,
    };
}

static void say(const struct pab_app *app, const char *what)
{
    if (!app->is_quiet) {
        fprintf(stderr, "%s\n", what);
    }
}

static enum pab_status check_arms(const struct arguments *arguments, struct pab_plan *plan,
                                  struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    for (size_t i = 0; status == PAB_OK && i < plan->arm_count; i++) {
        plan->arms[i].is_explicit = arguments->backends != NULL;
        status = pab_app_check_spec(plan->arms[i].spec, err);
    }
    return status;
}

/* --- the run ---------------------------------------------------------------------------------- */

/* Who the allocators are and, with a trace, what its replay takes under each. */
static enum pab_status run_replays(const struct pab_app *app, const struct pab_plan *replays,
                                   struct pab_experiment_result *result, struct pab_error *err)
{
    static struct pab_plan probe_only;
    probe_only = app->plan;
    probe_only.workload_count = 0;
    struct pab_experiment experiment = {
        .plan = replays != NULL ? replays : &probe_only,
        .journal = app->journal,
        .interrupted = app->interrupted,
        .quiet = app->is_quiet || replays == NULL,
    };
    return pab_experiment_run(&experiment, result, err);
}

static json_t *configurations_to_json(const struct pab_app *app)
{
    json_t *out = json_array();
    for (size_t i = 0; i < app->plan.arm_count; i++) {
        char words[1200];
        pab_app_configuration_words(&app->configurations[i], words, sizeof(words));
        if (app->configurations[i].inode != 0) {
            json_array_append_new(
                out, json_pack("{s:s, s:s}", "backend", app->plan.arms[i].id, "words", words));
        }
    }
    return out;
}

static json_t *starts_to_json(const struct pab_app *app)
{
    json_t *out = json_array();
    for (size_t i = 0; i < app->plan.arm_count; i++) {
        const struct pab_app_start *start = &app->start[i];
        if (start->cpu_ns > 0) {
            json_array_append_new(out, json_pack("{s:s, s:f, s:f}", "backend", app->plan.arms[i].id,
                                                 "cpu_ns", start->cpu_ns, "peak_rss_bytes",
                                                 start->peak_bytes));
        }
    }
    return out;
}

/* What the document tells of the program beyond the rows. */
static void describe(const struct pab_app *app, const struct pab_app_recordings *recordings,
                     json_t *run)
{
    struct pab_predict_names names = {
        .program = app->name,
        .replay = recordings == NULL ? NULL : recordings->plan.workloads[0].workload->name,
        .nothing = recordings == NULL ? NULL : pab_app_recordings_nothing(recordings),
    };
    json_t *command = json_array();
    for (char **word = app->program.command; *word != NULL; word++) {
        json_t *text = json_string(*word);
        json_array_append_new(command, text != NULL ? text : json_string("?"));
    }
    json_t *own =
        json_pack("{s:s, s:o, s:s, s:i, s:b, s:s?, s:o, s:o}", "workload", app->name, "command",
                  command, "python", app->python, "exit", app->exit_code, "ignores_output",
                  app->ignores_output, "replay", names.replay, "configurations",
                  configurations_to_json(app), "start", starts_to_json(app));
    json_object_set_new(own, "input",
                        app->program.input != NULL ? json_string(app->program.input) : json_null());
    json_object_set_new(own, "instructions",
                        app->instructions > 0 ? json_integer((json_int_t)app->instructions)
                                              : json_null());
    json_object_set_new(run, "app", own);
    json_object_set_new(own, "prediction",
                        names.replay == NULL ? json_array() : pab_predict(run, &names));
}

static void show_recorded(const struct pab_app *app, const struct pab_app_recordings *recordings)
{
    char other[256];
    char text[400];
    if (recordings == NULL || app->samples == 0 ||
        pab_app_recordings_is_of(recordings, app->program.command, other, sizeof(other))) {
        return;
    }
    snprintf(text, sizeof(text), "the recording that was replayed is of another command: %s",
             other);
    pab_text_print(stdout, "note: ", (unsigned)strlen("note: "), text);
}

static int finish(const struct pab_app *app, const struct pab_app_recordings *recordings,
                  const char *path, const struct pab_experiment_result *result,
                  const struct pab_error *trouble)
{
    bool is_complete = trouble == NULL && !pab_app_is_interrupted(app);
    json_t *document = pab_document_make(pab_journal_record(app->journal), is_complete);
    struct pab_error err;
    describe(app, recordings, json_object_get(document, "pyallocbench"));
    pab_app_show(stdout, document);
    show_recorded(app, recordings);
    (void)fflush(stdout);
    enum pab_status written = app->samples > 0 ? pab_document_write(document, path, &err) : PAB_OK;
    json_decref(document);
    pab_journal_close(app->journal, written != PAB_OK);
    if (trouble != NULL || written != PAB_OK) {
        return pab_cmd_fail(trouble != NULL ? trouble : &err);
    }
    char quoted[PAB_QUOTED_MAX];
    pab_shell_quote(path, quoted, sizeof(quoted));
    if (app->samples > 0) {
        fprintf(stderr, "\nwrote %s; verdicts: %s compare %s\n", path, program_invocation_name,
                quoted);
    }
    if (pab_app_is_interrupted(app)) {
        fprintf(stderr, "pyallocbench: interrupted; to go on, run it again from the start\n");
        return 128 + (app->stopped_by != 0 ? app->stopped_by : *app->interrupted);
    }
    return result->failures + app->failures > 0 ? PAB_EXIT_FAILED : PAB_EXIT_GOOD;
}

/* What the program costs to begin, and how many instructions it is. */
static enum pab_status measure_once(struct pab_app *app,
                                    const struct pab_app_recordings *recordings,
                                    struct pab_error *err)
{
    enum pab_status status = pab_app_time_start(app, err);
    if (status == PAB_OK && recordings->counts_instructions && !pab_app_is_interrupted(app)) {
        say(app, "counting its instructions, about fifty times slower than it runs alone");
        status = pab_app_count_instructions(app, err);
    }
    return status;
}

static int carry_out(struct pab_app *app, const struct pab_app_recordings *recordings,
                     const char *path)
{
    struct pab_experiment_result result = {0};
    struct pab_error err;
    app->interrupted = pab_cmd_catch_signals();
    enum pab_status status =
        run_replays(app, recordings != NULL ? &recordings->plan : NULL, &result, &err);
    if (status == PAB_OK && !pab_app_is_interrupted(app)) {
        status = pab_app_find_configurations(app, &err);
    }
    if (status == PAB_OK && !pab_app_is_interrupted(app)) {
        status = pab_app_rehearse(app, &err);
    }
    if (status == PAB_OK && recordings != NULL && !pab_app_is_interrupted(app)) {
        status = measure_once(app, recordings, &err);
    }
    if (status == PAB_OK && !pab_app_is_interrupted(app)) {
        status = pab_app_run_rounds(app, &err);
    }
    bool is_trouble = status != PAB_OK && !pab_app_is_interrupted(app);
    return finish(app, recordings, path, &result, is_trouble ? &err : NULL);
}

/* All that can be refused before anything is started. */
static enum pab_status prepare(struct pab_app *app, struct pab_app_recordings *recordings,
                               const struct arguments *arguments, struct pab_error *err)
{
    const struct pab_request request = request_of(arguments);
    enum pab_status status = pab_program_check(&app->program, err);
    if (status == PAB_OK && arguments->input != NULL && access(arguments->input, R_OK) != 0) {
        status = pab_fail(err, PAB_USAGE, "--input %s: %s", arguments->input, strerror(errno));
    }
    if (status == PAB_OK) {
        status = pab_plan_make(&app->plan, &request, err);
    }
    if (status == PAB_OK) {
        status = check_arms(arguments, &app->plan, err);
    }
    if (status == PAB_OK) {
        status = pab_document_may_replace(arguments->output, err);
    }
    if (status == PAB_OK) {
        status = pab_output_expect_writable(arguments->output, err);
    }
    if (status != PAB_OK || arguments->trace == NULL) {
        return status;
    }
    status = pab_app_recordings_place(recordings, arguments->trace, arguments->output, err);
    if (status != PAB_OK) {
        return status;
    }
    say(app, recordings->is_there ? "recording how it begins" : "recording it, and how it begins");
    status = pab_app_recordings_make(recordings, &app->program, &request, err);
    return status == PAB_OK ? check_arms(arguments, &recordings->plan, err) : status;
}

static int run_app(const struct arguments *arguments, int argc, char **argv)
{
    static struct pab_app app;
    static struct pab_app_recordings recordings;
    struct pab_error err;
    app = (struct pab_app){
        .program = {.command = arguments->command,
                    .library = arguments->library,
                    .library_name = "libpab_witness",
                    .input = arguments->input},
        .ignores_output = arguments->ignores_output,
        .is_quiet = arguments->is_quiet,
    };
    enum pab_status status = prepare(&app, &recordings, arguments, &err);
    if (status == PAB_OK) {
        pab_app_name(&app);
        app.plan.memory_rounds = app.plan.rounds;
        status = pab_journal_create(arguments->output,
                                    pab_document_header(pab_plan_to_json(&app.plan), argc, argv),
                                    &app.journal, &err);
    }
    int code = status != PAB_OK ? pab_cmd_fail(&err)
                                : carry_out(&app, arguments->trace != NULL ? &recordings : NULL,
                                            arguments->output);
    pab_plan_fini(&app.plan);
    pab_app_recordings_fini(&recordings);
    return code;
}

int pab_cmd_app(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "-- COMMAND [ARGUMENT...]",
        .doc = documentation,
    };
    struct arguments arguments = {
        .output = DEFAULT_OUTPUT,
        .rounds = DEFAULT_ROUNDS,
        .seed = 1,
        .timeout_s = DEFAULT_TIMEOUT,
    };
    argv[0] = "pyallocbench app";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    argv[0] = "app";
    return run_app(&arguments, argc, argv);
}
