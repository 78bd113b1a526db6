/* harness/cmd_record.c -- `record`: runs a program and writes down what its processes ask of their
 * allocators. The program's own streams and exit status are passed through untouched. */
#include "harness/cmd.h"

#include "harness/output.h"
#include "harness/program.h"
#include "harness/recorder/follow.h"
#include "harness/recorder/report.h"
#include "harness/self.h"

#include <argp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statvfs.h>

#define SUFFIX        ".pabtrace"
#define ROOM_LEAST    ((uint64_t)32 << 20) /* on the disk: some ten million events */
#define LATECOMERS_NS 200000000u           /* a child that was begun last has its ring by then */

struct arguments {
    const char *out, *what, *library;
    bool only_root, quiet;
    char **command;
};

enum { OPTION_LIBRARY = 256, OPTION_ONLY_ROOT, OPTION_WHAT };

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "The trace (default: named after the program, here)", 0},
    {"only-root", OPTION_ONLY_ROOT, NULL, 0, "The program alone, none of its children", 0},
    {"what", OPTION_WHAT, "python|malloc", 0,
     "python: processes that are a Python, through its hooks; malloc: calls of the malloc family "
     "alone (default: hooks where there are any, malloc elsewhere)",
     0},
    {"quiet", 'q', NULL, 0, "No summary", 0},
    {"library", OPTION_LIBRARY, "FILE", 0,
     "The preload library (default: libpab_record.so beside this binary)", 0},
    {0},
};

static const char documentation[] =
    "Runs a program and records every request that it makes of its allocators, in order: of "
    "CPython's domains raw, mem and obj through their public hooks, and of malloc and its family. "
    "Any dynamically linked program, any CPython that has the hooks (3.4 and later), as it is "
    "installed."
    "\v"
    "Examples:\n"
    "  pyallocbench record -- python3 app.py --port 8080     # writes app.pabtrace\n"
    "  pyallocbench record -o x.pabtrace --only-root -- python3 -m unittest\n"
    "  pyallocbench record --what malloc -- ./service\n"
    "  pyallocbench trace info app.pabtrace\n"
    "  pyallocbench run -w trace:./app.pabtrace\n"
    "\n"
    "Each process has a file of its own: FILE for the program itself (the last one, if wrappers "
    "become it by exec), FILE with .2, .3 before the suffix for the others. What a process did "
    "until it was killed or crashed is in its file. "
    "Recording goes on until the last process has ended; an interrupt after the program's own end "
    "stops it, and the processes that are left run on unrecorded.\n"
    "\n"
    "Exit status: the program's own, 128+N if signal N killed it; 1 if the trace could not be "
    "written, 77 if nothing could be recorded.";

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'o':
        arguments->out = pab_cmd_file(state, "-o", value);
        return 0;
    case 'q':
        arguments->quiet = true;
        return 0;
    case OPTION_ONLY_ROOT:
        arguments->only_root = true;
        return 0;
    case OPTION_WHAT:
        if (strcmp(value, "python") != 0 && strcmp(value, "malloc") != 0) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "--what %s: python or malloc is needed", value);
        }
        arguments->what = value;
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
                         "which program? e.g. record -- python3 -c 'print(1)'");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- the file --------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void name_after(char **command, char *out, size_t size)
{
    const char *subject = pab_program_subject(command);
    size_t length = strlen(subject);
    if (length > 3 && strcmp(subject + length - 3, ".py") == 0) {
        length -= 3;
    }
    snprintf(out, size, "%.*s" SUFFIX, (int)(length < 200 ? length : 200), subject);
}

static enum pab_status check_output(const char *path, struct pab_error *err)
{
    char folder[4096];
    struct statvfs room;
    enum pab_status status = pab_output_expect_own("-o", path, PAB_TRACE_MAGIC, err);
    if (status == PAB_OK) {
        status = pab_output_expect_writable(path, err);
    }
    if (status != PAB_OK) {
        return status;
    }
    snprintf(folder, sizeof(folder), "%.*s", (int)(base_name(path) - path), path);
    if (statvfs(folder[0] != '\0' ? folder : ".", &room) == 0 &&
        (uint64_t)room.f_bavail * room.f_frsize < ROOM_LEAST) {
        return pab_fail(err, PAB_IO,
                        "less than %u MiB are free where %s would be; -o FILE writes "
                        "it elsewhere",
                        (unsigned)(ROOM_LEAST >> 20), path);
    }
    return PAB_OK;
}

/* --- recording -------------------------------------------------------------------------------- */

/* Follows until the last process has ended, those included that begin at the very end. */
static enum pab_status follow_program(struct pab_program *program, struct pab_follow *follow,
                                      struct pab_error *err)
{
    bool ended = false;
    uint64_t last_ns = pab_wall_ns();
    const volatile int *interrupted = NULL;
    signal(SIGXFSZ, SIG_IGN); /* now that the program has begun: to us, write() fails */
    while (!ended || follow->living > 0 ||
           (pab_follow_expects(follow) && pab_wall_ns() - last_ns < LATECOMERS_NS)) {
        if (interrupted != NULL && *interrupted != 0) {
            break;
        }
        if (!ended || follow->living > 0) {
            last_ns = pab_wall_ns();
        }
        if (!ended) {
            enum pab_status status = pab_program_wait(program, true, &ended, err);
            if (status != PAB_OK) {
                return status;
            }
            interrupted = ended ? pab_cmd_catch_signals() : NULL;
        }
        pab_follow_step(follow); /* at least once after the end: it may have been a short life */
    }
    return PAB_OK;
}

static int judge(const struct arguments *arguments, const struct pab_program *program,
                 const struct pab_follow *follow)
{
    if (follow->stopped) {
        return pab_cmd_fail(&follow->error);
    }
    if (follow->files == 0) {
        fprintf(stderr, "pyallocbench: nothing of %s could be recorded: %s\n",
                arguments->command[0],
                follow->roomless > 0
                    ? "there was no room for the ring of a process (4 MiB of /dev/shm, or a limit "
                      "of file sizes)"
                : arguments->what != NULL && strcmp(arguments->what, "python") == 0
                    ? "none of its processes was a Python with allocator hooks; --what malloc "
                      "records any program"
                    : "the loader did not preload our library, or not one request was made");
        return PAB_EXIT_NOTHING;
    }
    return pab_program_exit_code(program);
}

static int record(const struct arguments *arguments, struct pab_program *program,
                  struct pab_follow *follow)
{
    struct pab_error err;
    enum pab_status status = pab_follow_begin(follow, arguments->out, &err);
    follow->all = !arguments->only_root &&
                  (arguments->what == NULL || strcmp(arguments->what, "python") != 0);
    program->variables[0] = (struct pab_program_variable){PAB_RECORD_DIR, follow->dir};
    program->variables[1] = (struct pab_program_variable){PAB_RECORD_WHAT, arguments->what};
    program->variables[2] = (struct pab_program_variable){PAB_RECORD_ONLY, NULL};
    program->pid_variable = arguments->only_root ? PAB_RECORD_ONLY : NULL;
    uint64_t begun_ns = pab_wall_ns();
    if (status == PAB_OK) {
        status = pab_program_start(program, &err);
    }
    if (status == PAB_OK) {
        follow->root_pid = program->pid;
        status = follow_program(program, follow, &err);
        pab_follow_end(follow);
    }
    int code = status == PAB_OK ? judge(arguments, program, follow) : pab_cmd_fail(&err);
    if (follow->files > 0 && !arguments->quiet && !follow->stopped) {
        pab_record_report(stderr, follow, pab_wall_ns() - begun_ns);
    }
    pab_follow_fini(follow);
    return code;
}

int pab_cmd_record(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "-- COMMAND [ARGUMENT...]",
        .doc = documentation,
    };
    struct arguments arguments = {0};
    struct pab_follow follow;
    struct pab_error err;
    char name[256];
    argv[0] = "pyallocbench record";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    if (arguments.out == NULL) {
        name_after(arguments.command, name, sizeof(name));
        arguments.out = name;
    }
    struct pab_program program = {
        .command = arguments.command,
        .library = arguments.library,
        .library_name = "libpab_record",
    };
    if (pab_program_check(&program, &err) != PAB_OK ||
        check_output(arguments.out, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    return record(&arguments, &program, &follow);
}
