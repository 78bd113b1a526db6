/* harness/cmd_verify.c -- `verify`: runs a program with the preload library, and judges what it
 * left. The program's own streams and exit status are passed through untouched. */
#include "harness/cmd.h"

#include "allocators/pymalloc/pymalloc.h"
#include "allocators/spec.h"
#include "harness/program.h"
#include "harness/scratch.h"
#include "harness/shadow/record.h"
#include "harness/verify_report.h"

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define SETTLE_TRIALS 20
#define SETTLE_US     20000

struct arguments {
    const char *profile, *report, *library;
    char **command;
};

enum { OPTION_LIBRARY = 256 };

static const struct argp_option options[] = {
    {"profile", 'p', "NAME", 0,
     "Rules to hold it to, e.g. 3.9 (default: those of the interpreter's own version)", 0},
    {"report", 'r', "FILE", 0, "Write the summary there, not to stderr", 0},
    {"library", OPTION_LIBRARY, "FILE", 0,
     "The preload library (default: libpab_shadow.so beside this binary)", 0},
    {0},
};

static const char documentation[] =
    "Runs a real Python program and holds every call of its memory allocator against ours: same "
    "addresses, same arenas taken and released, same statistics as sys._debugmallocstats() "
    "prints. Any release build of CPython 3.8 to 3.15, as it is installed; nothing is rebuilt. "
    "Its child processes are held against ours too."
    "\v"
    "Examples:\n"
    "  pyallocbench verify -- python3 app.py --port 8080\n"
    "  pyallocbench verify --report found.txt -- python3 -m unittest\n"
    "  pyallocbench verify --profile 3.8 -- python3.9 -c 'print(1)'  # differs\n"
    "\n"
    "The last line is `N calls compared, M mismatches`. Exit status: 4 if something differs, 77 "
    "if nothing could be compared (no Python, a free-threaded or debug build, -X dev, an unknown "
    "version), else the program's own, 128+N if signal N killed it.\n"
    "\n"
    "The program sees LD_PRELOAD and PYALLOCBENCH_SHADOW_* in its environment, neither "
    "PYTHONMALLOC nor PYTHONDEVMODE, and its own sys._debugmallocstats() prints only free lists. "
    "It takes up to three times its time.";

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'p':
        arguments->profile = value;
        return 0;
    case 'r':
        arguments->report = pab_cmd_file(state, "--report", value);
        return 0;
    case OPTION_LIBRARY:
        arguments->library = pab_cmd_file(state, "--library", value);
        return 0;
    case ARGP_KEY_ARG: /* the rest is the program's */
        arguments->command = &state->argv[state->next - 1];
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (arguments->command == NULL) {
            argp_failure(state, PAB_EXIT_USAGE, 0,
                         "which program? e.g. verify -- python3 -c 'print(1)'");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char *profile_name(size_t index)
{
    return pab_pymalloc_profile_at(index)->name;
}

static enum pab_status check_profile(const char *profile, struct pab_error *err)
{
    if (profile == NULL || pab_pymalloc_profile_find(profile) != NULL) {
        return PAB_OK;
    }
    const char *near = pab_nearest(profile, profile_name, pab_pymalloc_profile_count());
    return pab_fail(err, PAB_USAGE, "no profile is named '%s'; %s%s%s", profile,
                    near == NULL ? "`list profiles` shows all" : "did you mean '",
                    near == NULL ? "" : near, near == NULL ? "" : "'?");
}

/* Each has an interpreter set its allocators anew, after ours. */
static void say_what_is_kept_back(const struct pab_program *program)
{
    for (const struct pab_program_variable *at = program->variables; at->name != NULL; at++) {
        const char *value = at->value == NULL ? getenv(at->name) : NULL;
        if (value != NULL && value[0] != '\0' && strncmp(at->name, "PYTHON", 6) == 0) {
            fprintf(stderr,
                    "pyallocbench: the program runs without %s=%s, which would replace the "
                    "allocator to compare\n",
                    at->name, value);
        }
    }
}

/* --- the verdict ------------------------------------------------------------------------------ */

/* Why nothing was compared; the first record is that of the program itself, if there is any. */
static const char *reason_for_nothing(const struct pab_records *records)
{
    if (records->count == 0 && records->roomless > 0) {
        return "there was no room for the record of a process: a limit of file sizes (ulimit -f), "
               "or the temporary folder is full";
    }
    if (records->count == 0) {
        return "no Python ran in it whose symbols could be seen at its start (one that is linked "
               "statically, set-uid, begun without our environment, or loads its libpython later, "
               "cannot be shadowed)";
    }
    if (records->at[0].refused[0] != '\0') {
        return records->at[0].refused;
    }
    if (records->at[0].stopped[0] != '\0') {
        return records->at[0].stopped;
    }
    return "not one call reached us: -X dev, PYTHONDEVMODE or PYTHONMALLOC in a command replaces "
           "the allocator's tables, or no Python code ran";
}

static int judge(const struct pab_program *program, const struct pab_records *records)
{
    struct pab_verify_totals totals = pab_records_total(records);
    if (totals.compared == 0 && totals.mismatches == 0) {
        fprintf(stderr, "pyallocbench: nothing of %s could be compared: %s\n", program->command[0],
                reason_for_nothing(records));
        return PAB_EXIT_NOTHING;
    }
    if (totals.mismatches > 0) {
        return PAB_EXIT_FAILED;
    }
    return pab_program_exit_code(program);
}

/* A child that was forked a moment ago may not have made its record yet. */
static enum pab_status read_settled(const char *dir, struct pab_records *out, struct pab_error *err)
{
    enum pab_status status = pab_records_read(dir, out, err);
    for (int i = 0;
         status == PAB_OK && pab_records_lost(out) + out->roomless > 0 && i < SETTLE_TRIALS; i++) {
        pab_records_free(out);
        usleep(SETTLE_US);
        status = pab_records_read(dir, out, err);
    }
    return status;
}

static int report(const struct pab_program *program, const char *dir, FILE *out)
{
    struct pab_records records;
    struct pab_error err;
    if (read_settled(dir, &records, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    int code = judge(program, &records);
    if (code != PAB_EXIT_NOTHING || pab_records_total(&records).compared > 0) {
        pab_verify_report(out, &records, program->pid, program->wait_status);
    }
    pab_records_free(&records);
    return code;
}

static int verify(const struct arguments *arguments, FILE *out)
{
    char dir[4096];
    struct pab_error err;
    struct pab_program program = {
        .command = arguments->command,
        .library = arguments->library,
        .library_name = "libpab_shadow",
        .variables = {{"PYTHONMALLOC", NULL},
                      {"PYTHONDEVMODE", NULL},
                      {PAB_SHADOW_DIR, dir},
                      {PAB_SHADOW_PROFILE, arguments->profile}},
        .pid_variable = PAB_SHADOW_ROOT,
    };
    if (check_profile(arguments->profile, &err) != PAB_OK ||
        pab_program_check(&program, &err) != PAB_OK ||
        pab_scratch_make("verify", dir, sizeof(dir), &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    say_what_is_kept_back(&program);
    int code =
        pab_program_run(&program, &err) == PAB_OK ? report(&program, dir, out) : pab_cmd_fail(&err);
    pab_scratch_remove(dir);
    return code;
}

int pab_cmd_verify(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "-- PYTHON [ARGUMENT...]",
        .doc = documentation,
    };
    struct arguments arguments = {0};
    argv[0] = "pyallocbench verify";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    if (arguments.report == NULL) {
        return verify(&arguments, stderr);
    }
    FILE *out = fopen(arguments.report, "we");
    if (out == NULL) {
        fprintf(stderr, "pyallocbench: cannot write %s: %s\n", arguments.report, strerror(errno));
        return PAB_EXIT_ERROR;
    }
    int code = verify(&arguments, out);
    if (fclose(out) != 0) {
        fprintf(stderr, "pyallocbench: cannot write %s: %s\n", arguments.report, strerror(errno));
        return PAB_EXIT_ERROR;
    }
    return code;
}
