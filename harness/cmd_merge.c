/* harness/cmd_merge.c -- `merge`: the rounds of one experiment, run in parts, as one document. */
#include "harness/cmd.h"
#include "harness/document.h"
#include "harness/json_text.h"
#include "harness/merge.h"
#include "harness/output.h"

#include <argp.h>

struct arguments {
    char **files;
    size_t count;
    const char *output;
};

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "Where the whole goes", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'o':
        arguments->output = pab_cmd_file(state, "-o", value);
        return 0;
    case ARGP_KEY_ARGS:
        arguments->files = state->argv + state->next;
        arguments->count = (size_t)(state->argc - state->next);
        for (size_t i = 0; i < arguments->count; i++) {
            (void)pab_cmd_file(state, "merge", arguments->files[i]);
        }
        return 0;
    case ARGP_KEY_END:
        if (arguments->count < 2) {
            argp_failure(
                state, PAB_EXIT_USAGE, 0,
                "which FILEs? Two or more, e.g. merge shard1.json shard2.json -o all.json");
        }
        if (arguments->output == NULL) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "-o FILE is needed: where does the whole go?");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pab_status check_output(const struct arguments *arguments, struct pab_error *err)
{
    for (size_t i = 0; i < arguments->count; i++) {
        if (pab_output_is_same(arguments->output, arguments->files[i])) {
            return pab_fail(err, PAB_USAGE, "-o %s is one of the parts: name another",
                            arguments->output);
        }
    }
    enum pab_status status = pab_document_may_replace(arguments->output, err);
    return status == PAB_OK ? pab_output_expect_writable(arguments->output, err) : status;
}

/* The reader of documents says whether it is sound; the rows are then copied as they are. */
static enum pab_status read_part(const char *path, json_t **out, struct pab_error *err)
{
    struct pab_reading *reading = NULL;
    enum pab_status status = pab_reading_open(path, &reading, err);
    if (status == PAB_OK) {
        pab_reading_close(reading);
        status = pab_document_read(path, out, err);
    }
    return status;
}

static void say(const json_t *document, const struct arguments *arguments)
{
    const json_t *run = json_object_get(document, "pyallocbench");
    size_t hosts = json_array_size(json_object_get(run, "hosts"));
    printf("%s: %zu parts, %zu machine%s, %zu samples; %s\n", arguments->output, arguments->count,
           hosts, hosts == 1 ? "" : "s", json_array_size(json_object_get(run, "samples")),
           json_is_true(json_object_get(run, "complete")) ? "complete"
                                                          : "incomplete: some rounds are missing");
}

static enum pab_status merge(const struct arguments *arguments, struct pab_merge_part *parts,
                             struct pab_error *err)
{
    enum pab_status status = check_output(arguments, err);
    for (size_t i = 0; i < arguments->count && status == PAB_OK; i++) {
        json_t *document = NULL;
        status = read_part(arguments->files[i], &document, err);
        parts[i] = (struct pab_merge_part){arguments->files[i], document};
    }
    json_t *whole = NULL;
    if (status == PAB_OK) {
        status = pab_merge(parts, arguments->count, &whole, err);
    }
    if (status == PAB_OK) {
        status = pab_document_write(whole, arguments->output, err);
    }
    if (status == PAB_OK) {
        say(whole, arguments);
    }
    json_decref(whole);
    return status;
}

int pab_cmd_merge(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE...",
        .doc = "Makes one document of the parts of one experiment: of what `run --shard I/N` wrote "
               "for each I, on one machine or on many, or of runs with one seed on several "
               "machines. Machines are kept apart in it.",
    };
    struct arguments arguments = {0};
    struct pab_error err;
    argv[0] = "pyallocbench merge";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    struct pab_merge_part *parts = calloc(arguments.count, sizeof(*parts));
    PAB_CHECK(parts != NULL);
    enum pab_status status = merge(&arguments, parts, &err);
    for (size_t i = 0; i < arguments.count; i++) {
        json_decref((json_t *)parts[i].document);
    }
    free(parts);
    return status == PAB_OK ? PAB_EXIT_GOOD : pab_cmd_fail(&err);
}
