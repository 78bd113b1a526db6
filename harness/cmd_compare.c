/* harness/cmd_compare.c -- `compare`: one document, or an old and a new one. */
#include "harness/cmd.h"
#include "harness/compare/show.h"
#include "harness/output.h"
#include "harness/plan.h"

#include <argp.h>
#include <string.h>
#include <unistd.h>

enum option_key {
    OPTION_BASELINE = 256,
    OPTION_FORMAT,
    OPTION_METRICS,
    OPTION_ALPHA,
    OPTION_FLOOR,
    OPTION_LEVEL,
    OPTION_ALL,
    OPTION_FORCE,
};

static const struct argp_option options[] = {
    {"baseline", OPTION_BASELINE, "SPEC", 0,
     "Within one FILE: the backend that the others are held to (default: the run's own)", 1},
    {"force", OPTION_FORCE, NULL, 0,
     "Compare unlike machines or builds all the same; every output says so", 1},
    {"alpha", OPTION_ALPHA, "P", 0, "Of a verdict on time, over all of them (default: 0.05)", 2},
    {"floor", OPTION_FLOOR, "PERCENT", 0, "Changes of time below it do not count (default: 3)", 2},
    {"level", OPTION_LEVEL, "P", 0, "Of the intervals (default: 0.95)", 2},
    {"metrics", OPTION_METRICS, "GLOBS", 0, "Show these, separated by commas", 3},
    {"all", OPTION_ALL, NULL, 0, "Show every row, descriptions, too; csv and json do always", 3},
    {"format", OPTION_FORMAT, "NAME", 0, "table, md, csv, json; pyperf: one FILE's times", 3},
    {"output", 'o', "FILE", 0, "Writes there, not to stdout", 3},
    {0},
};

static const char doc[] =
    "Tells what differs, by how much, and how sure that is: within FILE each backend against the "
    "baseline, between two FILEs the old against the new. Faster and slower, smaller and larger, "
    "equivalent, or cannot tell. The verdicts are no exit code: `gate` judges.\v"
    "Examples:\n"
    "  pyallocbench compare results/latest.json\n"
    "  pyallocbench compare old.json new.json --format md -o comment.md\n"
    "  pyallocbench compare mine.json --baseline pymalloc --metrics 'cpu*,f_*'";

struct format {
    const char *name;
    bool (*print)(FILE *file, const void *show);
    const char *head; /* how its files begin */
};

static const struct format formats[] = {
    {"table", pab_show_table, PAB_SHOW_TABLE_HEAD},
    {"md", pab_show_markdown, PAB_SHOW_MARKDOWN_HEAD},
    {"csv", pab_show_csv, PAB_SHOW_CSV_HEAD},
    {"json", pab_show_json, PAB_SHOW_JSON_HEAD},
    {"pyperf", pab_show_pyperf, PAB_SHOW_PYPERF_HEAD},
};

struct arguments {
    const char *files[2];
    const char *baseline, *metrics, *output;
    const struct format *format;
    struct pab_rules rules;
    bool shows_all;
};

static const char *format_name(size_t index)
{
    return formats[index].name;
}

static const struct format *find_format(struct argp_state *state, const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return &formats[i];
        }
    }
    const char *near = pab_nearest(name, format_name, ARRAY_COUNT(formats));
    argp_failure(state, PAB_EXIT_USAGE, 0,
                 "--format %s: it takes table, md, csv, json or pyperf%s%s%s", name,
                 near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                 near == NULL ? "" : "'?");
    return &formats[0];
}

static void take_file(struct arguments *arguments, const char *value, struct argp_state *state)
{
    if (arguments->files[1] != NULL) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "two FILEs at most, not also '%s'", value);
    }
    arguments->files[arguments->files[0] == NULL ? 0 : 1] = pab_cmd_file(state, "compare", value);
}

static void expect_sense(const struct arguments *arguments, struct argp_state *state)
{
    if (arguments->files[0] == NULL) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "which FILE? e.g. compare results/latest.json");
    }
    if (arguments->files[1] != NULL && arguments->baseline != NULL) {
        argp_failure(state, PAB_EXIT_USAGE, 0,
                     "--baseline is for one FILE; of two, the first is the base");
    }
    if (arguments->files[1] != NULL && arguments->format->print == pab_show_pyperf) {
        argp_failure(state, PAB_EXIT_USAGE, 0,
                     "--format pyperf takes one FILE: export each, then `pyperf compare_to`");
    }
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct pab_rules *rules = &arguments->rules;
    switch (key) {
    case OPTION_BASELINE:
        arguments->baseline = value;
        break;
    case OPTION_FORMAT:
        arguments->format = find_format(state, value);
        break;
    case OPTION_METRICS:
        arguments->metrics = value;
        break;
    case OPTION_ALPHA:
        rules->alpha = pab_cmd_number(state, "alpha", value, 1e-6, 0.5);
        break;
    case OPTION_FLOOR:
        rules->floor[PAB_FAMILY_TIME] = pab_cmd_number(state, "floor", value, 0, 100) / 100;
        break;
    case OPTION_LEVEL:
        rules->level = pab_cmd_number(state, "level", value, 0.5, 0.9999);
        break;
    case OPTION_ALL:
        arguments->shows_all = true;
        break;
    case OPTION_FORCE:
        rules->force = true;
        break;
    case 'o':
        arguments->output = pab_cmd_file(state, "-o", value);
        break;
    case ARGP_KEY_ARG:
        take_file(arguments, value, state);
        break;
    case ARGP_KEY_END:
        expect_sense(arguments, state);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- what is shown ---------------------------------------------------------------------------- */

struct wish {
    const struct arguments *arguments;
    const struct pab_comparison *comparison;
};

static bool wants(const struct pab_row *row, void *arg)
{
    const struct wish *wish = arg;
    const struct arguments *arguments = wish->arguments;
    if (arguments->metrics != NULL) {
        return pab_globs_match(arguments->metrics, row->metric->name);
    }
    bool is_for_people =
        arguments->format->print == pab_show_table || arguments->format->print == pab_show_markdown;
    if (row->lacks_pass && is_for_people) {
        return false; /* a note tells of the whole pass */
    }
    return arguments->shows_all || !is_for_people || pab_show_by_default(wish->comparison, row);
}

static bool may_colour(const struct arguments *arguments)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return arguments->output == NULL && isatty(STDOUT_FILENO) == 1 &&
           (no_colour == NULL || no_colour[0] == '\0') && terminal != NULL &&
           strcmp(terminal, "dumb") != 0;
}

static enum pab_status print(const struct arguments *arguments, const void *subject,
                             struct pab_error *err)
{
    const struct format *format = arguments->format;
    if (arguments->output == NULL) {
        (void)format->print(stdout, subject); /* main() looks for errors of stdout */
        return PAB_OK;
    }
    return pab_output_write(arguments->output, format->print, subject, err);
}

static enum pab_status expect_metrics(const struct arguments *arguments,
                                      const struct pab_show *show, struct pab_error *err)
{
    if (arguments->metrics == NULL || show->count > 0) {
        return PAB_OK;
    }
    return pab_fail(err, PAB_USAGE,
                    "--metrics %s: no row has such a metric; --all shows what there is",
                    arguments->metrics);
}

static enum pab_status show_rows(const struct arguments *arguments,
                                 const struct pab_comparison *comparison,
                                 struct pab_reading *const readings[2], struct pab_error *err)
{
    struct pab_show show;
    struct wish wish = {arguments, comparison};
    pab_show_init(&show, comparison, wants, &wish);
    show.base = readings[0];
    show.head = readings[1] != NULL ? readings[1] : readings[0];
    show.has_colour = may_colour(arguments);
    enum pab_status status = expect_metrics(arguments, &show, err);
    if (status == PAB_OK) {
        status = print(arguments, &show, err);
    }
    pab_show_fini(&show);
    return status;
}

/* A suite of pyperf is of one machine, and not empty. */
static enum pab_status export_times(const struct arguments *arguments, struct pab_reading *reading,
                                    struct pab_error *err)
{
    size_t cells = pab_reading_workloads(reading) * pab_reading_backends(reading);
    size_t values = 0;
    if (pab_reading_hosts(reading) > 1) {
        return pab_fail(err, PAB_USAGE,
                        "--format pyperf: %s holds %zu hosts, and pyperf would take them for one: "
                        "export its parts",
                        pab_reading_path(reading), pab_reading_hosts(reading));
    }
    for (size_t i = 0; i < cells && pab_reading_metrics(reading) > 0; i++) {
        size_t backends = pab_reading_backends(reading);
        size_t metric = pab_reading_find_metric(reading, pab_reading_clock(reading, i / backends));
        values += pab_reading_series(reading, PAB_PART_SAMPLES, i / backends, i % backends, metric)
                      ->count;
    }
    if (values == 0) {
        return pab_fail(err, PAB_USAGE,
                        "--format pyperf: %s has no sample of the time pass that counts",
                        pab_reading_path(reading));
    }
    return print(arguments, &reading, err);
}

static enum pab_status compare(const struct arguments *arguments,
                               struct pab_reading *const readings[2], struct pab_error *err)
{
    struct pab_comparison *comparison = NULL;
    if (arguments->format->print == pab_show_pyperf) {
        return export_times(arguments, readings[0], err);
    }
    enum pab_status status =
        readings[1] == NULL
            ? pab_compare_within(readings[0], arguments->baseline, &arguments->rules, &comparison,
                                 err)
            : pab_compare_between(readings[0], readings[1], &arguments->rules, &comparison, err);
    if (status == PAB_OK) {
        status = show_rows(arguments, comparison, readings, err);
    }
    pab_comparison_free(comparison);
    return status;
}

static enum pab_status carry_out(const struct arguments *arguments, struct pab_error *err)
{
    struct pab_reading *readings[2] = {NULL, NULL};
    enum pab_status status = PAB_OK;
    if (arguments->output != NULL) {
        status = pab_output_expect_own("-o", arguments->output, arguments->format->head, err);
        if (status == PAB_OK) {
            status = pab_output_expect_writable(arguments->output, err);
        }
    }
    for (size_t i = 0; i < 2 && status == PAB_OK && arguments->files[i] != NULL; i++) {
        status = pab_reading_open(arguments->files[i], &readings[i], err);
    }
    if (status == PAB_OK) {
        status = compare(arguments, readings, err);
    }
    for (size_t i = 0; i < 2; i++) {
        if (readings[i] != NULL) {
            pab_reading_close(readings[i]);
        }
    }
    return status;
}

int pab_cmd_compare(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options, .parser = parse_option, .args_doc = "FILE [FILE2]", .doc = doc};
    struct arguments arguments = {.format = &formats[0], .rules = pab_rules_exploring()};
    struct pab_error err;
    argv[0] = "pyallocbench compare";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    enum pab_status status = carry_out(&arguments, &err);
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    if (arguments.output != NULL) {
        fprintf(stderr, "wrote %s\n", arguments.output);
    }
    return PAB_EXIT_GOOD;
}
