/* harness/cmd_trace.c -- `trace info`: what is in a recorded program. */
#include "harness/cmd.h"
#include "harness/trace_info.h"

#include <argp.h>
#include <string.h>

struct arguments {
    const char *file;
    bool json;
};

enum { OPTION_JSON = 256 };

static const struct argp_option options[] = {
    {"json", OPTION_JSON, NULL, 0, "All of it, as one JSON object", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0 && strcmp(value, "info") != 0) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "'%s' is nothing to do with a trace; %s", value,
                         "try `trace info FILE`");
        }
        if (state->arg_num > 1) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "one FILE at a time, not also '%s'", value);
        }
        arguments->file = state->arg_num == 1 ? value : NULL;
        return 0;
    case ARGP_KEY_END:
        if (arguments->file == NULL) {
            argp_failure(state, PAB_EXIT_USAGE, 0,
                         "which FILE? e.g. trace info app.pabtrace, as `record` made it");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show(const struct pab_trace_info *info, const struct arguments *arguments)
{
    if (!arguments->json) {
        pab_trace_info_print(info, arguments->file);
        return;
    }
    json_t *document = pab_trace_info_json(info);
    json_dumpf(document, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(document);
}

int pab_cmd_trace(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "info FILE",
        .doc =
            "Tells what is in a trace that `record` made: requests by kind, domain and size, how "
            "long blocks live, how much is alive at the peak, threads, rates."
            "\v"
            "What a damaged trace holds before the damage is told, too; the line on stderr then "
            "says where it begins. Exit status: 2 damaged or no trace, 6 made by a newer "
            "version.",
    };
    struct arguments arguments = {0};
    struct pab_trace_info *info = NULL;
    struct pab_error err;
    argv[0] = "pyallocbench trace";
    argp_err_exit_status = PAB_EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    enum pab_status status = pab_trace_info_read(arguments.file, &info, &err);
    if (info != NULL) {
        show(info, &arguments);
        fflush(stdout);
        pab_trace_info_free(info);
    }
    return status == PAB_OK ? PAB_EXIT_GOOD : pab_cmd_fail(&err);
}
