/* pyallocbench: which memory allocator should run your Python, and can you trust it? */
#include "harness/cmd.h"
#include "harness/job.h"
#include "harness/version.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"run", "measure backends on workloads; print a table, write a document", pab_cmd_run},
    {"check", "hold backends to the rules of the catalogue, ours to a real CPython", pab_cmd_check},
    {"list", "show backends, workloads, checks, profiles, presets", pab_cmd_list},
    {"verify", "run a Python program, hold its allocator's calls against ours", pab_cmd_verify},
    {"trace", "tell what is in a recorded program", pab_cmd_trace},
    {"record", "run a program, write down every request of its allocators", pab_cmd_record},
    {"app", "run a real program under each allocator: its time and memory", pab_cmd_app},
    {"compare", "tell what differs in a results document, or between two", pab_cmd_compare},
    {"gate", "judge a change for CI: did anything get worse?", pab_cmd_gate},
    {"merge", "make one document of the parts of one experiment", pab_cmd_merge},
    {"plot", "draw the pictures of a results document", pab_cmd_plot},
    {"doctor", "look at this machine: what is missing, what makes figures noisy", pab_cmd_doctor},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: pyallocbench VERB [OPTION...]\n"
                 "Compares memory allocators under Python-like work.\n\n");
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    }
    fprintf(out, "\nTry these:\n"
                 "  pyallocbench run --preset smoke\n"
                 "  pyallocbench run -b system,jemalloc,pymalloc+jemalloc -o mine.json\n"
                 "  pyallocbench plot mine.json -o pictures\n"
                 "`pyallocbench VERB --help` tells more.\n");
}

static const char *verb_name(size_t index)
{
    return verbs[index].name;
}

static int unknown_verb(const char *verb)
{
    const char *near = pab_nearest(verb, verb_name, ARRAY_COUNT(verbs));
    fprintf(stderr, "pyallocbench: no verb is named '%s'; %s%s%s\n", verb,
            near == NULL ? "`pyallocbench --help` shows all" : "did you mean '",
            near == NULL ? "" : near, near == NULL ? "" : "'?");
    return PAB_EXIT_USAGE;
}

static int run_verb(const char *verb, int argc, char **argv)
{
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0 || strcmp(verb, "help") == 0) {
        print_help(stdout);
        return PAB_EXIT_GOOD;
    }
    if (strcmp(verb, "--version") == 0 || strcmp(verb, "-V") == 0) {
        printf("pyallocbench %s (%s)\n", PAB_VERSION, PAB_GIT_COMMIT);
        return PAB_EXIT_GOOD;
    }
    if (argc > 2 && strcmp(argv[2], "-h") == 0) {
        argv[2] = "--help"; /* argp knows the long one alone */
    }
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, verb) == 0) {
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    return unknown_verb(verb);
}

/* A closed standard stream would be the next file that is opened: the journal, say. */
static void open_standard_streams(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDWR);
    }
    if (fd >= 0) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "--help";
    if (strcmp(verb, "--worker") == 0) {
        return pab_worker_main();
    }
    if (strcmp(verb, "--protocol") == 0) { /* asked by a gate of another build */
        printf("pyallocbench worker protocol %u\n", PAB_PROTOCOL);
        return 0;
    }
    open_standard_streams();
    if (argc > 2 && strcmp(verb, "help") == 0) { /* help VERB is VERB --help */
        char *words[] = {argv[0], argv[2], "--help", NULL};
        return run_verb(argv[2], 3, words);
    }
    int code = run_verb(verb, argc, argv);
    errno = 0; /* an earlier write that failed has left none that is still its own */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fprintf(stderr, "pyallocbench: cannot write to stdout: %s\n",
                errno != 0 ? strerror(errno) : "the disk is full, or nobody reads");
        return PAB_EXIT_ERROR;
    }
    return code;
}
