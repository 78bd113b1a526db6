#include "tests/differential/compare.h"

#include "workloads/support/rng.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTEXT_BEFORE 12
#define CONTEXT_AFTER  4
#define LISTING_MAX    60

/* What is run: steps of the suite, or a workload. */
struct subject {
    const struct step *steps;
    size_t count;
    const char *workload;    /* NULL: the steps */
    enum side_params params; /* of the workload */
};

/* What the signal handler says when a program brings a runtime down. */
static struct {
    char line[256];
    size_t length;
    uint64_t seed, program;
} running;

/* --- opening -------------------------------------------------------------------------------- */

static void crashed(int signal_number)
{
    (void)signal_number;
    ssize_t wrote = write(STDERR_FILENO, running.line, running.length);
    _exit(wrote > 0 ? COMPARE_DIFFERENT : COMPARE_ERROR);
}

/* An exit status: what was not built is skipped, what was and does not fit is an error. */
static int load_python(const struct side **side)
{
    if (access(DIFFERENTIAL_MODULE, R_OK) != 0) {
        fprintf(stderr, "differential: skipped: the side of CPython was not built; it needs "
                        "libpython3.11-dev\n");
        return COMPARE_SKIPPED;
    }
    void *module = dlopen(DIFFERENTIAL_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        fprintf(stderr, "differential: skipped: %s\n", dlerror());
        return COMPARE_SKIPPED;
    }
    const struct side *(*get)(void) = NULL;
    *(void **)&get = dlsym(module, SIDE_SYMBOL);
    if (get == NULL) {
        fprintf(stderr, "differential: %s\n", dlerror());
        return COMPARE_ERROR;
    }
    *side = get();
    return COMPARE_EQUAL;
}

int compare_open(struct comparison *comparison)
{
    memset(comparison, 0, sizeof(*comparison));
    setlinebuf(stdout);
    comparison->sides[0] = differential_side();
    int loaded = load_python(&comparison->sides[1]);
    if (loaded != COMPARE_EQUAL) {
        return loaded;
    }
    for (int i = 0; i < 2; i++) {
        struct pab_error err;
        enum pab_status status = comparison->sides[i]->open(&comparison->traces[i], &err);
        if (status != PAB_OK) {
            fprintf(stderr, "differential: %s: %s\n", comparison->sides[i]->name, err.text);
            return status == PAB_UNAVAILABLE ? COMPARE_SKIPPED : COMPARE_ERROR;
        }
    }
    signal(SIGSEGV, crashed);
    signal(SIGBUS, crashed);
    signal(SIGABRT, crashed);
    return COMPARE_EQUAL;
}

/* --- one subject on both sides -------------------------------------------------------------- */

static void run_on(struct comparison *comparison, int i, const struct subject *subject)
{
    const struct side *side = comparison->sides[i];
    int length =
        snprintf(running.line, sizeof(running.line),
                 "differential: %s brought %s down: seed %" PRIu64 ", program %" PRIu64 "\n",
                 subject->workload == NULL ? side->suite->name : subject->workload, side->name,
                 running.seed, running.program);
    running.length = length > 0 ? (size_t)length : 0;
    if (subject->workload == NULL) {
        side->run(&comparison->traces[i], subject->steps, subject->count);
    } else {
        side->run_workload(&comparison->traces[i], subject->workload, subject->params);
    }
}

/* Whether the traces differ within the first `limit` events. */
static bool differ(struct comparison *comparison, const struct subject *subject, uint64_t limit)
{
    for (int i = 0; i < 2; i++) {
        trace_begin(&comparison->traces[i], limit);
        run_on(comparison, i, subject);
    }
    const struct trace *a = &comparison->traces[0];
    const struct trace *b = &comparison->traces[1];
    return a->hash != b->hash || (limit == UINT64_MAX && a->events != b->events);
}

/* --- cutting down --------------------------------------------------------------------------- */

/* Drops stretches of steps, long ones first, as long as the rest still differs. */
static void cut_down(struct comparison *comparison, struct step *steps, size_t *count)
{
    static struct step fewer[STEPS_MAX];
    for (size_t stretch = *count / 2; stretch > 0; stretch /= 2) {
        for (size_t at = 0; at < *count;) {
            size_t cut = stretch < *count - at ? stretch : *count - at;
            memcpy(fewer, steps, at * sizeof(steps[0]));
            memcpy(fewer + at, steps + at + cut, (*count - at - cut) * sizeof(steps[0]));
            struct subject subject = {.steps = fewer, .count = *count - cut};
            if (differ(comparison, &subject, UINT64_MAX)) {
                *count -= cut;
                memcpy(steps, fewer, *count * sizeof(steps[0]));
            } else {
                at += cut;
            }
        }
    }
}

/* --- telling -------------------------------------------------------------------------------- */

/* The first event that differs: both sides are deterministic, so halving finds it. */
static uint64_t first_difference(struct comparison *comparison, const struct subject *subject)
{
    differ(comparison, subject, UINT64_MAX);
    uint64_t low = 0; /* the first `low` events are equal, the first `high` are not */
    uint64_t high = comparison->traces[0].events;
    if (comparison->traces[1].events > high) {
        high = comparison->traces[1].events;
    }
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (differ(comparison, subject, middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

static void print_events(struct comparison *comparison, const struct subject *subject,
                         uint64_t around)
{
    for (int i = 0; i < 2; i++) {
        struct trace *trace = &comparison->traces[i];
        trace_begin(trace, UINT64_MAX);
        trace->text = stdout;
        trace->first = around > CONTEXT_BEFORE ? around - CONTEXT_BEFORE : 1;
        trace->last = around;
        printf("%s, events %" PRIu64 " to %" PRIu64 ":\n", comparison->sides[i]->name, trace->first,
               trace->last + CONTEXT_AFTER);
        run_on(comparison, i, subject);
        printf("  ^ the first that differs, in step %zu; then\n", trace->step_at_last);
        trace_begin(trace, UINT64_MAX);
        trace->text = stdout;
        trace->first = around + 1;
        trace->last = around + CONTEXT_AFTER;
        run_on(comparison, i, subject);
    }
}

static void print_program(const struct comparison *comparison, const struct subject *subject)
{
    printf("the program, cut down to %zu steps:\n", subject->count);
    for (size_t i = 0; i < subject->count && i < LISTING_MAX; i++) {
        char line[256];
        comparison->sides[0]->suite->describe(&subject->steps[i], line, sizeof(line));
        printf("%4zu  %s\n", i, line);
    }
}

static void report(struct comparison *comparison, const struct subject *subject)
{
    uint64_t around = first_difference(comparison, subject);
    if (subject->workload == NULL) {
        print_program(comparison, subject);
    }
    print_events(comparison, subject, around);
    fflush(stdout);
}

/* --- what the programs of this folder call -------------------------------------------------- */

static uint64_t program_seed(uint64_t seed, uint64_t program)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + program;
    return pab_splitmix64(&state);
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *text != '-' && end != text && *end == '\0';
}

bool compare_range(int argc, char **argv, struct compare_range *range)
{
    *range = (struct compare_range){.programs = 1000, .seed = 1};
    uint64_t *const places[] = {&range->programs, &range->seed, &range->first};
    for (int i = 1; i < argc; i++) {
        if (i > (int)ARRAY_COUNT(places) || !read_number(argv[i], places[i - 1])) {
            fprintf(stderr, "usage: %s [PROGRAMS] [SEED] [FIRST]\n", argv[0]);
            return false;
        }
    }
    if (range->programs == 0 || range->first > UINT64_MAX - range->programs) {
        fprintf(stderr, "%s: there is no such range of programs\n", argv[0]);
        return false;
    }
    return true;
}

int compare_programs(struct comparison *comparison, const struct compare_range *range)
{
    static struct step steps[STEPS_MAX];
    uint64_t seed = range->seed;
    running.seed = seed;
    for (uint64_t program = range->first; program < range->first + range->programs; program++) {
        running.program = program;
        const struct suite *suite = comparison->sides[0]->suite;
        size_t step_count = suite->generate(program_seed(seed, program), steps);
        PAB_CHECK(step_count <= STEPS_MAX);
        struct subject subject = {.steps = steps, .count = step_count};
        if (differ(comparison, &subject, UINT64_MAX)) {
            printf("%s: seed %" PRIu64 ", program %" PRIu64 " differs\n", suite->name, seed,
                   program);
            fflush(stdout);
            cut_down(comparison, steps, &subject.count);
            report(comparison, &subject);
            return COMPARE_DIFFERENT;
        }
        comparison->programs++;
        comparison->events += comparison->traces[0].events;
    }
    return COMPARE_EQUAL;
}

int compare_workload(struct comparison *comparison, const char *name, enum side_params params)
{
    static const char *const told[] = {
        [SIDE_TIME] = "",
        [SIDE_MEMORY] = " with the memory pass's parameters",
        [SIDE_OTHER_WAYS] = " when it goes the other way",
    };
    struct subject subject = {.workload = name, .params = params};
    if (differ(comparison, &subject, UINT64_MAX)) {
        printf("workload %s differs%s\n", name, told[params]);
        report(comparison, &subject);
        return COMPARE_DIFFERENT;
    }
    comparison->events += comparison->traces[0].events;
    return COMPARE_EQUAL;
}
