/* harness/cmd_check.c -- `check`: from the command line to verdicts. */
#include "harness/check_export.h"
#include "harness/check_report.h"
#include "harness/checks.h"
#include "harness/cmd.h"
#include "harness/document.h"
#include "harness/output.h"
#include "harness/self.h"

#include <argp.h>

#define OPS_MAX UINT64_C(1000000000000)

enum option_key {
    OPTION_ONLY = 256,
    OPTION_LONG,
    OPTION_SEED,
    OPTION_OPS,
    OPTION_ORACLE,
    OPTION_REPLAY,
    OPTION_CORPUS,
    OPTION_TIMEOUT,
    OPTION_JOBS,
    OPTION_MARKDOWN,
    OPTION_JUNIT,
    OPTION_STRICT,
};

static const struct argp_option options[] = {
    {"backends", 'b', "SPECS", 0,
     "Allocators, separated by commas: NAME[:key=value]...[+RAW]. Default: all that are installed",
     1},
    {"only", OPTION_ONLY, "GLOBS", 0,
     "Ids of checks, separated by commas, in any case (default: all)", 1},
    {"long", OPTION_LONG, NULL, 0, "Those that take minutes or hours, too", 1},
    {"seed", OPTION_SEED, "N", 0, "Of all that is random (default: 1)", 2},
    {"ops", OPTION_OPS, "N", 0, "Operations of each check (default: its own choice)", 2},
    {"oracle", OPTION_ORACLE, "FILE", 0,
     "The shared libpython that DIFF checks hold pymalloc to: 2.7, 3.6 to 3.15 (default: the "
     "system's libpython3.11)",
     2},
    {"replay", OPTION_REPLAY, "FILE", 0,
     "Calls to be made again, as MOD checks write them; stands for --only MOD-000", 2},
    {"corpus", OPTION_CORPUS, "DIR", 0, "A folder of such files: read first, and added to", 2},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "For one check (default: 60, more for many --ops)",
     2},
    {"jobs", OPTION_JOBS, "N", 0,
     "Checks at a time (default: one for each CPU, fewer where memory is short)", 2},
    {"strict", OPTION_STRICT, NULL, 0,
     "Known findings count as failures, too (results/reference/findings)", 2},
    {"output", 'o', "FILE", 0, "Writes everything into a results document", 3},
    {"md", OPTION_MARKDOWN, "FILE", 0, "Writes checks x backends as Markdown", 3},
    {"junit", OPTION_JUNIT, "FILE", 0, "Writes JUnit XML for CI systems", 3},
    {"verbose", 'v', NULL, 0, "Every row, not only what did not pass", 3},
    {"quiet", 'q', NULL, 0, "No progress on stderr", 3},
    {0},
};

static const char doc[] =
    "Holds allocators to what C, POSIX and Python need of them, each check in a process of its "
    "own: "
    "a crash or a hang is a verdict, too. DIFF checks make the same random calls on the built-in "
    "pymalloc and on a real CPython and compare every address; MOD checks hold any allocator to a "
    "model. What they find is cut down to a short list of calls.\v"
    "Examples:\n"
    "  pyallocbench check\n"
    "  pyallocbench check -b jemalloc,library:./mine.so --only 'PRE-*,PYM-*'\n"
    "  pyallocbench check -b system,jemalloc --md matrix.md --junit check.xml\n"
    "  pyallocbench check -b pymalloc --only 'DIFF-*' --ops 100000000\n"
    "  pyallocbench check -b pymalloc:profile=3.9 --only 'DIFF-*' \\\n"
    "    --oracle libpython3.9.so.1.0\n"
    "  pyallocbench check -b pymalloc:tail=release --only DIFF-001  # must differ\n\n"
    "`list checks` shows ids and what each one demands, `list profiles` what pymalloc can be.\n\n"
    "HRD checks say what happens after misuse, for blocks of 8, 48, 512, 4096 and 262144 bytes: "
    "DIAG ends with a message; TRAP dies at once; LATE ends later; NEUTRAL takes no harm; SILENT "
    "shows nothing; ALIAS hands the same memory out twice; HANG; - no such case.\n\n"
    "Verdicts: PASS; FAIL: memory is damaged, or a result is wrong, that a standard or a "
    "documented "
    "contract demands (R) or the allocator's own answers promise (I); DEVIATION: errno, a "
    "diagnostic, or a quality threshold of ours (Q); SKIP, with the reason; INFO: a description, "
    "as "
    "of what happens after misuse (H). A backend's verdict is the worst of its R and I checks. A "
    "FAIL that is a known finding, shown by "
    "a program of its own, stays one, but does not count in the exit status.\n\n"
    "Exit status: 0 no check failed but as known; 1 a file could not be written, or the detector "
    "was blind; 2 "
    "usage, or a file that cannot serve; 4 a check failed, crashed or hung, or a backend that -b "
    "names is not available; 77 nothing of what was asked could be checked here; 130, 143 "
    "interrupted, with what was found so far.";

struct arguments {
    struct pab_checks_request request;
    const char *output, *markdown, *junit;
    bool quiet, verbose;
};

static bool parse_number_option(int key, const char *value, struct argp_state *state,
                                struct pab_checks_request *request)
{
    switch (key) {
    case OPTION_SEED:
        request->seed = pab_cmd_whole(state, "seed", value, 0, PAB_SEED_MAX);
        return true;
    case OPTION_OPS:
        request->ops = pab_cmd_whole(state, "ops", value, 1, OPS_MAX);
        return true;
    case OPTION_TIMEOUT:
        request->timeout_s = pab_cmd_number(state, "timeout", value, 0.1, 1e6);
        return true;
    case OPTION_JOBS:
        request->jobs = (unsigned)pab_cmd_whole(state, "jobs", value, 1, PAB_CHECK_JOBS_MAX);
        return true;
    default:
        return false;
    }
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct pab_checks_request *request = &arguments->request;
    switch (key) {
    case 'b':
        request->backends = value;
        break;
    case 'o':
        arguments->output = pab_cmd_file(state, "-o", value);
        break;
    case OPTION_MARKDOWN:
        arguments->markdown = pab_cmd_file(state, "--md", value);
        break;
    case OPTION_JUNIT:
        arguments->junit = pab_cmd_file(state, "--junit", value);
        break;
    case 'q':
        arguments->quiet = true;
        break;
    case 'v':
        arguments->verbose = true;
        break;
    case OPTION_ONLY:
        request->only = value;
        break;
    case OPTION_LONG:
        request->with_long = true;
        break;
    case OPTION_STRICT:
        request->is_strict = true;
        break;
    case OPTION_ORACLE:
        request->oracle = pab_cmd_file(state, "--oracle", value);
        break;
    case OPTION_REPLAY:
        request->replay = pab_cmd_file(state, "--replay", value);
        break;
    case OPTION_CORPUS:
        request->corpus = pab_cmd_file(state, "--corpus", value);
        break;
    case ARGP_KEY_ARG:
        argp_failure(state, PAB_EXIT_USAGE, 0, "check takes no argument '%s'; see --help", value);
        break;
    default:
        return parse_number_option(key, value, state, request) ? 0 : ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- files ---------------------------------------------------------------------------------- */

static bool is_same_file(const char *a, const char *b)
{
    return a != NULL && b != NULL && pab_output_is_same(a, b);
}

/* Whatever would keep a file from being written is told before anything is run. */
static enum pab_status expect_files(const struct arguments *arguments, struct pab_error *err)
{
    const char *paths[] = {arguments->output, arguments->markdown, arguments->junit};
    enum pab_status status = PAB_OK;
    if (is_same_file(paths[0], paths[1]) || is_same_file(paths[0], paths[2]) ||
        is_same_file(paths[1], paths[2])) {
        return pab_fail(err, PAB_USAGE, "-o, --md and --junit need a file each");
    }
    if (arguments->output != NULL) {
        status = pab_document_may_replace(arguments->output, err);
    }
    if (status == PAB_OK && arguments->markdown != NULL) {
        status = pab_output_expect_own("--md", arguments->markdown, PAB_MARKDOWN_HEAD, err);
    }
    if (status == PAB_OK && arguments->junit != NULL) {
        status = pab_output_expect_own("--junit", arguments->junit, PAB_JUNIT_HEAD, err);
    }
    for (size_t i = 0; status == PAB_OK && i < ARRAY_COUNT(paths); i++) {
        status = paths[i] == NULL ? PAB_OK : pab_output_expect_writable(paths[i], err);
    }
    return status;
}

static bool say_written(const char *path, enum pab_status status, const struct pab_error *err)
{
    if (status != PAB_OK) {
        (void)pab_cmd_fail(err);
        return false;
    }
    fprintf(stderr, "wrote %s\n", path);
    return true;
}

/* Each on its own: that one cannot be written costs none of the others. */
static bool write_files(const struct arguments *arguments, const json_t *record, bool complete)
{
    struct pab_error err;
    bool good = true;
    json_t *document = pab_document_make(record, complete);
    if (arguments->output != NULL) {
        enum pab_status status = pab_document_write(document, arguments->output, &err);
        good &= say_written(arguments->output, status, &err);
    }
    if (arguments->markdown != NULL) {
        enum pab_status status =
            pab_output_write(arguments->markdown, pab_check_markdown_print, document, &err);
        good &= say_written(arguments->markdown, status, &err);
    }
    if (arguments->junit != NULL) {
        enum pab_status status =
            pab_output_write(arguments->junit, pab_check_junit_print, document, &err);
        good &= say_written(arguments->junit, status, &err);
    }
    json_decref(document);
    return good;
}

/* --- the verb ------------------------------------------------------------------------------- */

static int exit_code(const struct pab_checks_result *result, int stopped)
{
    size_t looked_at = result->verdicts[PAB_PASS] + result->verdicts[PAB_DEVIATION] +
                       result->verdicts[PAB_INFO] + result->verdicts[PAB_FAIL];
    if (stopped != 0) {
        fprintf(stderr, "pyallocbench: interrupted; what was found so far stands above\n");
        return 128 + stopped;
    }
    if (result->verdicts[PAB_FAIL] > result->known || result->backends_missing > 0) {
        return PAB_EXIT_FAILED;
    }
    if (looked_at == 0) {
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
    struct pab_checks_watch watch = {&progress, interrupted, arguments->verbose};
    uint64_t began_ns = pab_wall_ns();
    pab_progress_begin(&progress, arguments->quiet);
    enum pab_status status = pab_checks_run(checks, record, &watch, &result, &err);
    if (status != PAB_OK && json_object_get(record, "verdicts") == NULL) {
        return pab_cmd_fail(&err); /* no verdict was given: there is nothing to keep */
    }
    int stopped = *interrupted;
    pab_check_report_end(record, (double)(pab_wall_ns() - began_ns) * 1e-9);
    bool written = write_files(arguments, record, stopped == 0 && status == PAB_OK);
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    int code = exit_code(&result, stopped);
    return written ? code : PAB_EXIT_ERROR;
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
    if (expect_files(&arguments, &err) != PAB_OK ||
        pab_checks_make(&checks, &arguments.request, &err) != PAB_OK) {
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
