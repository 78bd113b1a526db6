/* harness/cmd_check.c -- `check`: from the command line to verdicts. */
#include "harness/checks.h"
#include "harness/cmd.h"
#include "harness/document.h"

#include <argp.h>
#include <string.h>

enum option_key { OPTION_ONLY = 256, OPTION_SEED, OPTION_OPS, OPTION_ORACLE, OPTION_TIMEOUT };

static const struct argp_option options[] = {
    {"backends", 'b', "SPECS", 0,
     "Allocators, separated by commas: NAME[:key=value]...[+RAW]. Default: all that are installed",
     1},
    {"only", OPTION_ONLY, "GLOBS", 0, "Ids of checks, separated by commas (default: all)", 1},
    {"seed", OPTION_SEED, "N", 0, "Of all that is random (default: 1)", 2},
    {"ops", OPTION_OPS, "N", 0, "Operations of each check (default: its own choice)", 2},
    {"oracle", OPTION_ORACLE, "FILE", 0,
     "The shared libpython that DIFF checks hold pymalloc to: 2.7, 3.6 to 3.15 (default: the "
     "system's libpython3.11)",
     2},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "For one check (default: 60, more for many --ops)",
     2},
    {"output", 'o', "FILE", 0, "Writes the verdicts into a results document", 3},
    {"quiet", 'q', NULL, 0, "No progress on stderr", 3},
    {0},
};

static const char doc[] =
    "Holds allocators to what Python needs of them, one check at a time, each in a process of its "
    "own: a crash or a hang is a verdict, too. DIFF checks make the same random calls on the "
    "built-in pymalloc and on a real CPython and compare every address; a difference is cut down "
    "to a short list of calls.\v"
    "Examples:\n"
    "  pyallocbench check\n"
    "  pyallocbench check -b jemalloc,library:./mine.so --only 'PRE-*,PYM-*'\n"
    "  pyallocbench check -b pymalloc --only 'DIFF-*' --ops 100000000\n"
    "  pyallocbench check -b pymalloc:profile=3.9 --only 'DIFF-*' --oracle libpython3.9.so.1.0\n"
    "  pyallocbench check -b pymalloc:tail=release --only DIFF-001     (what must differ)\n"
    "`list checks` shows ids and what each one demands, `list profiles` what pymalloc can be.\n\n"
    "Verdicts: PASS; DEVIATION (an error code or a diagnostic is not as required); FAIL; SKIP, "
    "with the reason.\n\n"
    "Exit status: 0 no check failed; 1 a file could not be written; 2 usage, or an --oracle that "
    "cannot serve; 4 a check failed, crashed or hung, or a backend that -b names is not available; "
    "77 nothing of what was asked could be checked here; 130, 143 interrupted.";

struct arguments {
    struct pab_checks_request request;
    const char *output;
    bool quiet;
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct pab_checks_request *request = &arguments->request;
    switch (key) {
    case 'b':
        request->backends = value;
        break;
    case 'o':
        if (value[0] == '\0' || strcmp(value, "-") == 0) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "-o needs the name of a file, not '%s'", value);
        }
        arguments->output = value;
        break;
    case 'q':
        arguments->quiet = true;
        break;
    case OPTION_ONLY:
        request->only = value;
        break;
    case OPTION_ORACLE:
        request->oracle = value;
        break;
    case OPTION_SEED:
        request->seed = pab_cmd_whole(state, "seed", value, ((uint64_t)1 << 53) - 1);
        break;
    case OPTION_OPS:
        request->ops = pab_cmd_whole(state, "ops", value, UINT64_C(1000000000000));
        if (request->ops == 0) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "--ops 0: at least one is needed");
        }
        break;
    case OPTION_TIMEOUT:
        request->timeout_s = (double)pab_cmd_whole(state, "timeout", value, 1000000);
        break;
    case ARGP_KEY_ARG:
        argp_failure(state, PAB_EXIT_USAGE, 0, "check takes no argument '%s'; see --help", value);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int exit_code(const struct pab_checks_result *result, int stopped)
{
    if (stopped != 0) {
        return 128 + stopped;
    }
    if (result->verdicts[PAB_FAIL] > 0 || result->backends_missing > 0) {
        return PAB_EXIT_FAILED;
    }
    if (result->verdicts[PAB_PASS] + result->verdicts[PAB_DEVIATION] == 0) {
        fprintf(stderr, "pyallocbench: nothing of what was asked could be checked here\n");
        return PAB_EXIT_NOTHING;
    }
    return PAB_EXIT_GOOD;
}

static int carry_out(const struct pab_checks *checks, const struct arguments *arguments,
                     json_t *record)
{
    const volatile int *interrupted = pab_cmd_catch_signals();
    struct pab_progress progress;
    struct pab_checks_result result;
    struct pab_error err;
    struct pab_checks_watch watch = {&progress, interrupted};
    pab_progress_begin(&progress, arguments->quiet);
    if (pab_checks_run(checks, record, &watch, &result, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    int stopped = *interrupted;
    if (arguments->output != NULL) {
        json_t *document = pab_document_make(record, stopped == 0);
        enum pab_status written = pab_document_write(document, arguments->output, &err);
        json_decref(document);
        if (written != PAB_OK) {
            return pab_cmd_fail(&err);
        }
        fprintf(stderr, "wrote %s\n", arguments->output);
    }
    return exit_code(&result, stopped);
}

int pab_cmd_check(int argc, char **argv)
{
    static const struct argp parser = {.options = options, .parser = parse_option, .doc = doc};
    static struct pab_checks checks;
    struct arguments arguments = {.request = {.seed = 1}};
    struct pab_error err;
    argv[0] = "pyallocbench check";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    if (arguments.output != NULL && pab_document_may_replace(arguments.output, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    if (pab_checks_make(&checks, &arguments.request, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    argv[0] = "check";
    json_t *record = json_object();
    json_object_set_new(record, "header",
                        pab_document_header(pab_checks_plan_json(&checks), argc, argv));
    int code = carry_out(&checks, &arguments, record);
    json_decref(record);
    pab_checks_fini(&checks);
    return code;
}
