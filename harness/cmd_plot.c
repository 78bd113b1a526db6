/* harness/cmd_plot.c -- `plot`: hands over to plots/draw.py, with an interpreter that can. */
#include "harness/cmd.h"
#include "harness/document.h"
#include "harness/python.h"

#include <argp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    const char *file, *directory, *only, *workloads;
};

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "Where the pictures go (default: pictures)", 0},
    {"only", 'O', "NAMES", 0, "Draw these pictures only, separated by commas", 0},
    {"workloads", 'w', "GLOBS", 0, "Show these workloads only; means stay over all", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'o':
        arguments->directory = pab_cmd_file(state, "-o", value);
        return 0;
    case 'O':
        arguments->only = value;
        return 0;
    case 'w':
        arguments->workloads = value;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->file != NULL) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "one FILE at a time, not also '%s'", value);
        }
        arguments->file = pab_cmd_file(state, "plot", value);
        return 0;
    case ARGP_KEY_END:
        if (arguments->file == NULL) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "which FILE? e.g. plot results/latest.json");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The build puts a link to plots/ beside this binary, wherever it builds. */
static bool find_script(char *out, size_t size)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0) {
        return false;
    }
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(out, size, "%s/plots/draw.py", self);
    return access(out, R_OK) == 0;
}

static int draw(const struct arguments *arguments)
{
    char script[5000];
    char python[256];
    if (!find_script(script, sizeof(script))) {
        fprintf(stderr, "pyallocbench: plots/draw.py is not beside this program: run it from "
                        "the folder that it was built in\n");
        return PAB_EXIT_ERROR;
    }
    if (!pab_python_find(python, sizeof(python))) {
        fprintf(stderr, "pyallocbench: no python3 here can import matplotlib: apt-get install "
                        "python3-matplotlib\n");
        return PAB_EXIT_NOTHING;
    }
    const char *words[10] = {python, script, arguments->file, "-o", arguments->directory};
    size_t count = 5;
    if (arguments->only != NULL) {
        words[count++] = "--only";
        words[count++] = arguments->only;
    }
    if (arguments->workloads != NULL) {
        words[count++] = "--workloads";
        words[count++] = arguments->workloads;
    }
    execvp(python, (char *const *)(uintptr_t)words);
    fprintf(stderr, "pyallocbench: cannot start %s: %s\n", python, strerror(errno));
    return PAB_EXIT_ERROR;
}

int pab_cmd_plot(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE",
        .doc = "Draws the pictures of a results document, as SVG and PNG, with their numbers as "
               "CSV beside them.",
    };
    struct arguments arguments = {.directory = "pictures"};
    argv[0] = "pyallocbench plot";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    json_t *document = NULL;
    struct pab_error err;
    if (pab_document_read(arguments.file, &document, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    json_decref(document);
    return draw(&arguments);
}
