#include "tests/conformance/storm/storm.h"

#include "tests/conformance/storm/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The calls before a difference are kept in memory to shrink them: so many at most. */
#define SHRINKABLE_OPS ((uint64_t)1 << 24)

static const char *const arenas_names[PAB_STORM_ARENAS_COUNT] = {
    [PAB_STORM_ALIGNED] = "aligned",
    [PAB_STORM_UNALIGNED] = "unaligned",
    [PAB_STORM_FAILING] = "failing",
};

static const char *const mix_names[PAB_STORM_MIX_COUNT] = {
    [PAB_STORM_MIXED] = "mixed",
    [PAB_STORM_DRAINS] = "drains",
    [PAB_STORM_BORDERS] = "borders",
};

const char *pab_storm_arenas_name(enum pab_storm_arenas arenas)
{
    return arenas_names[arenas];
}

const char *pab_storm_mix_name(enum pab_storm_mix mix)
{
    return mix_names[mix];
}

/* --- one trial ------------------------------------------------------------------------------ */

static void broke(struct storm_outcome *outcome, const char *why)
{
    outcome->broke = true;
    snprintf(outcome->result.text, sizeof(outcome->result.text), "%s", why);
}

static void classify(const struct storm_trial *trial, int status)
{
    struct storm_outcome *outcome = trial->outcome;
    struct pab_storm_result *result = &outcome->result;
    if (outcome->differs || outcome->broke || outcome->done) {
        return;
    }
    char how[64];
    if (WIFSIGNALED(status)) {
        snprintf(how, sizeof(how), "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
    }
    bool in_start = result->ops == 0 && result->started > 0;
    if (result->ops == 0 && !(in_start && WIFSIGNALED(status))) {
        char why[256];
        snprintf(why, sizeof(why), "the process ended with %s before the first operation", how);
        broke(outcome, why);
        return;
    }
    outcome->differs = true;
    snprintf(result->text, sizeof(result->text),
             "seed %" PRIu64 ", %s %" PRIu64 ": the process ended with %s in it", trial->plan->seed,
             in_start ? "call at the start" : "operation", in_start ? result->started : result->ops,
             how);
}

void pab_storm_try(const struct storm_trial *trial)
{
    memset(trial->outcome, 0, sizeof(*trial->outcome));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        pab_storm_trial(trial);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0) {
        broke(trial->outcome, "no process for a storm is to be had");
    } else {
        classify(trial, status);
    }
}

/* --- a storm -------------------------------------------------------------------------------- */

/* Memory that a trial and its parent share, for what the trial finds. */
static struct storm_outcome *share_outcome(struct pab_storm_result *out)
{
    void *shared = mmap(NULL, sizeof(struct storm_outcome), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        memset(out, 0, sizeof(*out));
        out->end = PAB_STORM_BROKE;
        snprintf(out->text, sizeof(out->text), "no memory to share with a storm's process");
        return NULL;
    }
    return shared;
}

static void take_result(const struct storm_outcome *outcome, struct pab_storm_result *out)
{
    *out = outcome->result;
    out->end = outcome->differs ? PAB_STORM_DIFFERS
               : outcome->broke ? PAB_STORM_BROKE
                                : PAB_STORM_SAME;
    out->reproducer = NULL;
}

/* The first `count` calls of the plan, and of the drain behind it; false without memory. */
static bool regenerate(const struct pab_storm_plan *plan, uint64_t count, struct storm_list *list)
{
    struct storm_generator *generator = malloc(sizeof(*generator));
    list->ops = calloc(count, sizeof(*list->ops));
    list->count = 0;
    bool good = generator != NULL && list->ops != NULL;
    if (good) {
        pab_storm_generator_init(generator, plan->mix, plan->seed);
    }
    uint64_t planned = count < plan->ops ? count : plan->ops;
    while (good && list->count < planned) {
        pab_storm_generate(generator);
        size_t left = (size_t)planned - list->count;
        size_t taken = left < generator->count ? left : generator->count;
        memcpy(list->ops + list->count, generator->ops, taken * sizeof(*list->ops));
        list->count += taken;
    }
    for (uint32_t slot = 0; good && list->count < count; slot++) {
        list->ops[list->count++] = (struct storm_op){.slot = slot, .call = STORM_FREE};
    }
    free(generator);
    return good;
}

/* Cuts the list down and writes what is left. */
static void make_reproducer(struct storm_trial *trial, struct storm_list *list,
                            struct pab_storm_result *out)
{
    trial->progress = NULL;
    pab_storm_shrink(trial, list, trial->plan->shrink_s);
    out->reproducer = pab_storm_listing_write(trial->plan, trial->oracle, list);
    out->reproducer_ops = list->count;
}

void pab_storm_run(const struct pab_storm_plan *plan, const struct pab_oracle *oracle,
                   const struct pab_storm_progress *progress, struct pab_storm_result *out)
{
    struct storm_trial trial = {plan, oracle, NULL, progress, share_outcome(out)};
    if (trial.outcome == NULL) {
        return;
    }
    pab_storm_try(&trial);
    take_result(trial.outcome, out);
    struct storm_list list = {0};
    if (out->end == PAB_STORM_DIFFERS && plan->shrink_s > 0 && out->ops <= SHRINKABLE_OPS &&
        regenerate(plan, out->ops, &list)) {
        make_reproducer(&trial, &list, out);
    }
    free(list.ops);
    munmap(trial.outcome, sizeof(*trial.outcome));
}

enum pab_status pab_storm_replay(struct pab_storm_plan *plan, const char *listing,
                                 const struct pab_oracle *oracle, struct pab_storm_result *out,
                                 struct pab_error *err)
{
    struct storm_list list;
    enum pab_status status = pab_storm_listing_read(listing, plan, &list, err);
    if (status != PAB_OK) {
        return status;
    }
    plan->ops = list.count;
    struct storm_trial trial = {plan, oracle, &list, NULL, share_outcome(out)};
    if (trial.outcome != NULL) {
        pab_storm_try(&trial);
        take_result(trial.outcome, out);
        munmap(trial.outcome, sizeof(*trial.outcome));
    }
    free(list.ops);
    return PAB_OK;
}

void pab_storm_describe(const struct pab_storm_result *result, const struct pab_oracle *oracle,
                        char *out, size_t size)
{
    char arenas[96];
    char counts[96];
    char start[64] = "";
    double pooled = result->compared == 0 ? 0 : (double)result->pooled / (double)result->compared;
    if (oracle->has_arenas) {
        snprintf(arenas, sizeof(arenas),
                 "arenas: %" PRIu64 " taken, %" PRIu64 " released, %" PRIu64 " refused",
                 result->arenas_taken, result->arenas_released, result->arenas_refused);
    } else {
        snprintf(arenas, sizeof(arenas), "arenas: %" PRIu64 " taken (releases do not show in %s)",
                 result->arenas_taken, oracle->profile);
    }
    if (oracle->has_arenas) {
        snprintf(counts, sizeof(counts), "live blocks counted %" PRIu64 " times",
                 result->counts_compared);
    } else {
        snprintf(counts, sizeof(counts), "%s does not count live blocks", oracle->profile);
    }
    if (result->started > 0) {
        snprintf(start, sizeof(start), " and %" PRIu64 " calls of the start", result->started);
    }
    snprintf(out, size,
             "CPython %s: %" PRIu64 " operations%s; %" PRIu64
             " addresses, %.1f %% of them in pools; %s; %s",
             oracle->version, result->ops, start, result->compared, 100 * pooled, arenas, counts);
}
