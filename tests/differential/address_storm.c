/* tests/differential/address_storm.c -- storms against a libpython, outside of any harness.
 *
 * Exit status: 0 no difference; 1 a storm broke off; 2 usage; 4 a difference; 77 no libpython.
 */
#include "tests/conformance/storm/storm.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LISTING_LINES 40

enum exit_status { SAME = 0, BROKE = 1, USAGE = 2, DIFFERS = 4, NO_ORACLE = 77 };

enum option_key {
    OPTION_ORACLE = 256,
    OPTION_OPS,
    OPTION_SEED,
    OPTION_REPLAY,
    OPTION_SHRINK,
    OPTION_LISTING
};

static const struct argp_option options[] = {
    {"oracle", OPTION_ORACLE, "FILE", 0, "A shared libpython (default: " PAB_ORACLE_DEFAULT ")", 0},
    {"backend", 'b', "SPEC", 0, "Our side, pymalloc:key=value... (default: what the oracle is)", 0},
    {"arenas", 'a', "LIST", 0, "aligned, unaligned, failing (default: all, a storm each)", 0},
    {"mix", 'm', "LIST", 0, "mixed, drains, borders (default: mixed)", 0},
    {"ops", OPTION_OPS, "N", 0, "Operations, shared among the storms (default: 10000000)", 0},
    {"seed", OPTION_SEED, "N", 0, "Which storm (default: 1)", 0},
    {"shrink", OPTION_SHRINK, "SECONDS", 0, "For looking for a reproducer (default: 20)", 0},
    {"listing", OPTION_LISTING, "FILE", 0, "Writes the whole reproducer there", 0},
    {"replay", OPTION_REPLAY, "FILE", 0, "Runs a reproducer's calls instead", 0},
    {0},
};

struct arguments {
    const char *oracle, *backend, *arenas, *mixes, *listing, *replay;
    uint64_t ops, seed;
    unsigned shrink_s;
};

static uint64_t parse_whole(struct argp_state *state, const char *name, const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        argp_failure(state, USAGE, 0, "--%s %s: a whole number is needed", name, text);
    }
    return value;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_ORACLE:
        arguments->oracle = value;
        break;
    case 'b':
        arguments->backend = value;
        break;
    case 'a':
        arguments->arenas = value;
        break;
    case 'm':
        arguments->mixes = value;
        break;
    case OPTION_OPS:
        arguments->ops = parse_whole(state, "ops", value);
        if (arguments->ops == 0) {
            argp_failure(state, USAGE, 0, "--ops 0: at least one is needed");
        }
        break;
    case OPTION_SEED:
        arguments->seed = parse_whole(state, "seed", value);
        break;
    case OPTION_SHRINK:
        arguments->shrink_s = (unsigned)parse_whole(state, "shrink", value);
        break;
    case OPTION_LISTING:
        arguments->listing = value;
        break;
    case OPTION_REPLAY:
        arguments->replay = value;
        break;
    case ARGP_KEY_ARG:
        argp_failure(state, USAGE, 0, "no argument '%s' is taken; see --help", value);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- lists of words ------------------------------------------------------------------------- */

static const char *arenas_name(size_t index)
{
    return pab_storm_arenas_name((enum pab_storm_arenas)index);
}

static const char *mix_name(size_t index)
{
    return pab_storm_mix_name((enum pab_storm_mix)index);
}

/* Bits of the names in `list`; 0 and a line on stderr when one is none. */
static unsigned parse_names(const char *list, const char *(*name)(size_t index), size_t count)
{
    unsigned bits = 0;
    do {
        size_t length = strcspn(list, ",");
        size_t index = 0;
        while (index < count &&
               (strlen(name(index)) != length || memcmp(name(index), list, length) != 0)) {
            index++;
        }
        if (index == count) {
            fprintf(stderr, "address_storm: '%s' is none of the names in --help\n", list);
            return 0;
        }
        bits |= 1u << index;
        list += length + (list[length] == ',');
    } while (*list != '\0');
    return bits;
}

static uint64_t count_bits(unsigned bits)
{
    return (uint64_t)__builtin_popcount(bits);
}

/* --- storms --------------------------------------------------------------------------------- */

static void say_progress(void *arg, uint64_t done, uint64_t total)
{
    static uint64_t tenths;
    const char *what = arg;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%s: %" PRIu64 " of %" PRIu64 " operations ", what, done, total);
    } else if (done * 10 / total != tenths) {
        fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " operations\n", what, done, total);
    }
    tenths = done * 10 / total;
}

/* CPU time of the storms so far: each is a child that was waited for. */
static double spent_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* The first lines on stdout, all of them in a file where one is named. */
static void show_reproducer(const char *text, const char *path)
{
    const char *end = text;
    for (int line = 0; line < LISTING_LINES && *end != '\0'; line++) {
        end += strcspn(end, "\n") + 1;
    }
    printf("%.*s", (int)(end - text), text);
    if (*end != '\0') {
        printf("... (%zu bytes more; --listing FILE writes them all)\n", strlen(end));
    }
    FILE *file = path == NULL ? NULL : fopen(path, "we");
    if (path != NULL && (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)) {
        fprintf(stderr, "address_storm: %s cannot be written\n", path);
    }
}

static int report(const char *name, const struct pab_oracle *oracle,
                  const struct pab_storm_result *result, double seconds)
{
    char line[512];
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%60s\r", "");
    }
    if (result->end == PAB_STORM_BROKE) {
        fprintf(stderr, "address_storm: %s: %s\n", name, result->text);
        return BROKE;
    }
    if (result->end == PAB_STORM_DIFFERS) {
        printf("%s: DIFFERENCE: %s\n", name, result->text);
        return DIFFERS;
    }
    pab_storm_describe(result, oracle, line, sizeof(line));
    printf("%s: %s; no difference", name, line);
    if (seconds > 0.1) {
        printf(" (%.1f M operations a second of CPU time)", (double)result->ops / seconds / 1e6);
    }
    printf("\n");
    return SAME;
}

static int run_one(const struct pab_storm_plan *plan, const struct pab_oracle *oracle,
                   const char *listing)
{
    char name[64];
    snprintf(name, sizeof(name), "%s, %s", pab_storm_arenas_name(plan->arenas),
             pab_storm_mix_name(plan->mix));
    struct pab_storm_progress progress = {say_progress, name};
    struct pab_storm_result result;
    double began_s = spent_s();
    pab_storm_run(plan, oracle, plan->ops > 50000000 ? &progress : NULL, &result);
    int code = report(name, oracle, &result, spent_s() - began_s);
    if (result.reproducer != NULL) {
        show_reproducer(result.reproducer, listing);
        free(result.reproducer);
    }
    return code;
}

static int run_all(const struct arguments *arguments, struct pab_storm_plan *plan,
                   const struct pab_oracle *oracle)
{
    unsigned mixes = parse_names(arguments->mixes, mix_name, PAB_STORM_MIX_COUNT);
    unsigned arenas = parse_names(arguments->arenas, arenas_name, PAB_STORM_ARENAS_COUNT);
    if (arenas != 0 && !oracle->has_arenas) {
        arenas = 1u << PAB_STORM_ALIGNED; /* it takes them itself */
    }
    if (mixes == 0 || arenas == 0) {
        return USAGE;
    }
    int worst = SAME;
    uint64_t storms = count_bits(mixes) * count_bits(arenas);
    plan->ops = arguments->ops / storms + (arguments->ops % storms != 0);
    for (unsigned bit = 0; bit < PAB_STORM_MIX_COUNT * PAB_STORM_ARENAS_COUNT; bit++) {
        plan->mix = (enum pab_storm_mix)(bit / PAB_STORM_ARENAS_COUNT);
        plan->arenas = (enum pab_storm_arenas)(bit % PAB_STORM_ARENAS_COUNT);
        if ((mixes >> plan->mix & 1u) != 0 && (arenas >> plan->arenas & 1u) != 0) {
            int code = run_one(plan, oracle, arguments->listing);
            worst = code != SAME ? code : worst;
        }
    }
    return worst;
}

static int fail(const struct pab_error *err)
{
    fprintf(stderr, "address_storm: %s\n", err->text);
    return err->status == PAB_UNAVAILABLE ? NO_ORACLE : USAGE;
}

static int replay(const char *path, struct pab_storm_plan *plan, const struct pab_oracle *oracle)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    ssize_t got = file == NULL ? -1 : getdelim(&text, &size, '\0', file);
    if (file != NULL) {
        (void)fclose(file);
    }
    struct pab_error err;
    struct pab_storm_result result;
    int code = USAGE;
    if (got < 0) {
        fprintf(stderr, "address_storm: %s cannot be read\n", path);
    } else if (pab_storm_replay(plan, text, oracle, &result, &err) != PAB_OK) {
        fprintf(stderr, "address_storm: %s: %s\n", path, err.text);
    } else {
        code = report(path, oracle, &result, 0);
    }
    free(text);
    return code;
}

static enum pab_status choose_geometry(const char *backend, const struct pab_oracle *oracle,
                                       struct pab_pymalloc_geometry *out, struct pab_error *err)
{
    *out = pab_oracle_geometry(oracle);
    if (backend == NULL) {
        return PAB_OK;
    }
    struct pab_spec *spec = NULL;
    enum pab_status status = pab_spec_parse(backend, &spec, err);
    if (status != PAB_OK) {
        return status;
    }
    if (strcmp(spec->backend->name, "pymalloc") != 0) {
        status = pab_fail(err, PAB_USAGE, "-b %s: only pymalloc is compared", backend);
    } else {
        status = pab_oracle_expect_fit(oracle, spec, err);
        *out = pab_pymalloc_spec_geometry(spec);
    }
    pab_spec_destroy(spec);
    return status;
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .doc = "Makes the same random calls on a libpython and on our pymalloc and compares every "
               "address, the arenas taken and released, and the number of live blocks. A "
               "difference is cut down to a short listing of calls, which --replay runs.",
    };
    struct arguments arguments = {
        .arenas = "aligned,unaligned,failing",
        .mixes = "mixed",
        .ops = 10000000,
        .seed = 1,
        .shrink_s = 20,
    };
    argp_err_exit_status = USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return USAGE;
    }
    struct pab_error err;
    struct pab_oracle oracle;
    struct pab_storm_plan plan = {.seed = arguments.seed, .shrink_s = arguments.shrink_s};
    if (pab_oracle_open(&oracle, arguments.oracle, &err) != PAB_OK ||
        choose_geometry(arguments.backend, &oracle, &plan.geometry, &err) != PAB_OK) {
        return fail(&err);
    }
    return arguments.replay != NULL ? replay(arguments.replay, &plan, &oracle)
                                    : run_all(&arguments, &plan, &oracle);
}
