#include "tests/conformance/model/model.h"

#include "tests/conformance/model/trial.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_LEAST_MS 45000u
#define CALLS_PER_MS     250u /* on a machine that does much else */
#define AGAIN            3u   /* times that a trace must show before it is cut */
#define TAIL_LEAST       ((uint64_t)1 << 14)
#define TRIAL_LEAST_MS   500

const char *pab_model_profile_name(enum pab_model_profile profile)
{
    static const char *const names[PAB_MODEL_PROFILES] = {
        [PAB_MODEL_PY] = "py",           [PAB_MODEL_TINY] = "tiny",
        [PAB_MODEL_EDGES] = "edges",     [PAB_MODEL_LARGE] = "large",
        [PAB_MODEL_CHURN] = "churn",     [PAB_MODEL_ALIGNED] = "aligned",
        [PAB_MODEL_HOSTILE] = "hostile",
    };
    return names[profile];
}

static bool find_profile(const char *name, enum pab_model_profile *out)
{
    for (int i = 0; i < PAB_MODEL_PROFILES; i++) {
        if (strcmp(name, pab_model_profile_name((enum pab_model_profile)i)) == 0) {
            *out = (enum pab_model_profile)i;
            return true;
        }
    }
    return false;
}

/* --- results -------------------------------------------------------------------------------- */

static void describe_end(const struct model_trial *trial, struct pab_model_result *out)
{
    const struct model_outcome *outcome = trial->outcome;
    char how[96];
    out->end = PAB_MODEL_CRASHED;
    if (outcome->has_broken != 0) {
        out->end = PAB_MODEL_BROKE_STATEMENT;
        memcpy(out->statement, outcome->statement, sizeof(out->statement));
        snprintf(out->text, sizeof(out->text), "%s", outcome->text);
    } else if (outcome->has_ended) {
        out->end = PAB_MODEL_HELD;
    } else if (trial->done.end == PAB_CASE_BROKE) {
        out->end = PAB_MODEL_NO_PROCESS;
        snprintf(out->text, sizeof(out->text), "no process was to be had for it");
    } else if (trial->done.end == PAB_CASE_DIED && trial->done.signal == SIGKILL) {
        out->end = PAB_MODEL_NO_PROCESS; /* no subject does that by mistake */
        snprintf(out->text, sizeof(out->text),
                 "its process was killed from outside, as the kernel does when memory runs out");
    } else if (trial->done.end == PAB_CASE_RETURNED) {
        out->end = PAB_MODEL_NO_PROCESS;
        snprintf(out->text, sizeof(out->text), "no memory was to be had for the model");
    } else {
        pab_case_describe(&trial->done, how, sizeof(how));
        int said = (int)strcspn(trial->done.text, "\n");
        snprintf(out->statement, sizeof(out->statement), "MAL-001");
        snprintf(out->text, sizeof(out->text), "the process %s in line %" PRIu64 "%s%.*s", how,
                 outcome->lines, said > 0 ? ", saying: " : "", said > 200 ? 200 : said,
                 trial->done.text);
    }
}

static void take_result(const struct model_trial *trial, struct pab_model_result *out)
{
    const struct model_outcome *outcome = trial->outcome;
    memset(out, 0, sizeof(*out));
    describe_end(trial, out);
    out->ops = outcome->calls > 0 ? outcome->calls : outcome->lines;
    out->bytes = outcome->bytes;
    out->sweeps = outcome->sweeps;
    out->drains = outcome->drains;
    out->high_live = outcome->high_live;
    out->triples = outcome->triples;
    out->failed = outcome->failed;
    out->refused = outcome->refused;
    out->errno_wrong = outcome->errno_wrong;
    memcpy(out->errno_first, outcome->errno_first, sizeof(out->errno_first));
    memcpy(out->faults_missing, outcome->faults_missing, sizeof(out->faults_missing));
}

/* --- finding it again ----------------------------------------------------------------------- */

struct sought {
    struct model_trial *trial;
    enum pab_case_end end;
    int signal;
    char statement[16];  /* "": it crashed */
    int64_t deadline_ms; /* a finding without a short trace is one, too: the check has an alarm */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_late(const struct sought *sought)
{
    return now_ms() >= sought->deadline_ms;
}

/* The same statement; or death by the same signal. */
static bool is_same(const struct sought *sought)
{
    const struct model_trial *trial = sought->trial;
    if (sought->statement[0] != '\0') {
        return strcmp(trial->outcome->statement, sought->statement) == 0;
    }
    return trial->outcome->has_broken == 0 && trial->done.end == sought->end &&
           trial->done.signal == sought->signal;
}

static void seek(struct sought *sought, struct model_trial *trial)
{
    sought->trial = trial;
    sought->end = trial->done.end;
    sought->signal = trial->done.signal;
    memcpy(sought->statement, trial->outcome->statement, sizeof(sought->statement));
}

/* Whether a trial shows anything, as far as time allows: one that is cut off shows nothing. */
static bool shows_something(const struct sought *sought)
{
    struct model_trial *trial = sought->trial;
    int64_t left_ms = sought->deadline_ms - now_ms();
    trial->timeout_ms = (unsigned)(left_ms > TRIAL_LEAST_MS ? left_ms : TRIAL_LEAST_MS);
    struct pab_model_result seen;
    if (!pab_model_try(trial) || trial->done.end == PAB_CASE_HUNG) {
        return false;
    }
    describe_end(trial, &seen);
    return seen.end != PAB_MODEL_NO_PROCESS;
}

static bool shows_again(void *arg, struct model_op *ops, size_t *count, bool any)
{
    struct sought *sought = arg;
    struct model_list list = {ops, *count};
    sought->trial->list = &list;
    bool shows = shows_something(sought) && (any || is_same(sought));
    sought->trial->list = NULL;
    if (shows && any) {
        seek(sought, sought->trial);
    }
    if (shows && sought->trial->outcome->lines < *count) {
        *count = (size_t)sought->trial->outcome->lines;
    }
    return shows && *count > 0;
}

/* --- the calls of a plan, written down ------------------------------------------------------- */

static struct model_generator *generator_of(const struct pab_model_plan *plan, unsigned stream)
{
    struct model_generator *generator = malloc(sizeof(*generator));
    PAB_CHECK(generator != NULL);
    pab_model_generator_init(generator, plan, stream);
    return generator;
}

/* Lines `skip` + 1 .. `last`. */
static bool record(const struct pab_model_plan *plan, uint64_t skip, uint64_t last,
                   struct model_list *list)
{
    list->count = 0;
    list->ops = malloc((size_t)(last - skip) * sizeof(*list->ops));
    if (list->ops == NULL) {
        return false;
    }
    struct model_generator *generator = generator_of(plan, 0);
    for (uint64_t line = 0; line < last;) {
        pab_model_generate(generator);
        for (size_t i = 0; i < generator->count && line < last; i++) {
            if (line++ >= skip) {
                list->ops[list->count++] = generator->ops[i];
            }
        }
    }
    free(generator);
    return true;
}

/* The streams of free-running threads, one batch after the other in turn, each on slots of its
 * own: perhaps it shows in lockstep, too. */
static bool record_free(const struct pab_model_plan *plan, struct model_list *list)
{
    uint64_t most = plan->ops < MODEL_TRACE_MOST / 4 ? plan->ops : MODEL_TRACE_MOST / 4;
    unsigned threads = plan->threads;
    list->count = 0;
    list->ops = malloc(((size_t)most + (size_t)MODEL_BATCH * threads) * sizeof(*list->ops));
    struct model_generator *generators[MODEL_THREADS];
    if (list->ops == NULL) {
        return false;
    }
    for (unsigned i = 0; i < threads; i++) {
        generators[i] = generator_of(plan, i);
    }
    while (list->count < most) {
        for (unsigned i = 0; i < threads; i++) {
            pab_model_generate(generators[i]);
            for (size_t k = 0; k < generators[i]->count; k++) {
                struct model_op op = generators[i]->ops[k];
                op.thread = (uint8_t)i;
                op.slot = op.call == MODEL_BURST ? op.slot
                                                 : op.slot % (MODEL_SLOTS / threads) * threads + i;
                list->ops[list->count++] = op;
            }
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        free(generators[i]);
    }
    return true;
}

/* The shortest tail, of doubling lengths, that shows what all lines do. */
static bool record_tail(struct sought *sought, uint64_t last, struct model_list *list)
{
    struct model_trial *trial = sought->trial;
    for (uint64_t length = TAIL_LEAST; length <= MODEL_TRACE_MOST && length < last; length *= 2) {
        if (is_late(sought)) {
            return false;
        }
        trial->skip_lines = last - length;
        bool shows = shows_something(sought) && is_same(sought);
        uint64_t found = trial->outcome->lines;
        trial->skip_lines = 0;
        if (shows) {
            return record(trial->plan, last - length, found, list);
        }
    }
    return last <= MODEL_TRACE_MOST && record(trial->plan, 0, last, list);
}

/* --- shrinking ------------------------------------------------------------------------------ */

static void write_down(const struct model_trial *trial, const struct model_list *list,
                       struct pab_model_result *out)
{
    struct model_head head = {.seed = trial->plan->seed, .threads = trial->plan->threads};
    if (list->count > MODEL_TRACE_LINES) {
        return; /* no file that could be read again */
    }
    snprintf(head.profile, sizeof(head.profile), "%s",
             pab_model_profile_name(trial->plan->profile));
    out->trace = pab_model_trace_write(&head, list);
    out->trace_ops = list->count;
    if (trial->subject->is_c) {
        out->program = pab_model_program(list, out->statement, out->text);
    }
}

/* The text of a shrunk trace's own finding: its numbers are those of the trace. */
static void renew_text(struct sought *sought, const struct model_list *list,
                       struct pab_model_result *out)
{
    sought->trial->list = list;
    if (shows_something(sought) && is_same(sought)) {
        describe_end(sought->trial, out);
    }
    sought->trial->list = NULL;
}

static void shrink_list(struct sought *sought, struct model_list *list,
                        struct pab_model_result *out)
{
    const struct pab_model_plan *plan = sought->trial->plan;
    unsigned shown = 0;
    for (unsigned i = 0; i < AGAIN; i++) {
        size_t count = list->count;
        if (shows_again(sought, list->ops, &count, false)) {
            shown++;
            list->count = count;
        }
    }
    if (shown < AGAIN) {
        size_t used = strlen(out->text);
        if (!is_late(sought)) {
            snprintf(out->text + used, sizeof(out->text) - used,
                     " (the same calls showed it %u times of %u)", shown, AGAIN);
        }
        return;
    }
    int64_t left_ms = sought->deadline_ms - now_ms();
    out->is_shrunk = pab_model_shrink(list, plan->threads, left_ms, shows_again, sought);
    renew_text(sought, list, out);
    write_down(sought->trial, list, out);
}

static unsigned timeout_ms(uint64_t ops)
{
    uint64_t allowed = TIMEOUT_LEAST_MS + ops / CALLS_PER_MS;
    return allowed < UINT32_MAX ? (unsigned)allowed : UINT32_MAX;
}

/* Forgets what the child has left behind in the shared outcome, but not the finding. */
static void find_and_shrink(struct model_trial *trial, struct pab_model_result *out)
{
    struct sought sought;
    struct model_list list = {NULL, 0};
    const struct pab_model_plan *plan = trial->plan;
    uint64_t last = trial->outcome->lines;
    seek(&sought, trial);
    sought.deadline_ms = now_ms() + 1000 * (int64_t)plan->shrink_s;
    bool is_there = plan->free_running ? record_free(plan, &list)
                                       : last > 0 && record_tail(&sought, last, &list);
    if (is_there) {
        shrink_list(&sought, &list, out);
    }
    free(list.ops);
}

/* Whether a hang shows again would take as long as it did. */
static bool can_shrink(const struct model_trial *trial, const struct pab_model_result *found)
{
    return found->end != PAB_MODEL_NO_PROCESS && trial->done.end != PAB_CASE_HUNG &&
           trial->plan->shrink_s > 0;
}

void pab_model_run(const struct pab_subject *subject, const struct pab_model_plan *plan,
                   struct pab_model_result *out)
{
    struct model_trial trial = {.subject = subject, .plan = plan};
    trial.outcome = pab_case_shared(sizeof(*trial.outcome));
    PAB_CHECK(trial.outcome != NULL);
    trial.timeout_ms = timeout_ms(plan->ops);
    bool has_found = pab_model_try(&trial);
    take_result(&trial, out);
    if (has_found && can_shrink(&trial, out)) {
        find_and_shrink(&trial, out);
    }
}

enum pab_status pab_model_judge_trace(const char *text, struct pab_error *err)
{
    struct model_head head;
    struct model_list list;
    enum pab_model_profile profile;
    enum pab_status status = pab_model_trace_read(text, &head, &list, err);
    if (status == PAB_OK && !find_profile(head.profile, &profile)) {
        status =
            pab_fail(err, PAB_USAGE, "line 2 of the trace: there is no profile '%s'", head.profile);
    }
    free(list.ops);
    return status;
}

enum pab_status pab_model_replay(const struct pab_subject *subject, const char *trace,
                                 const struct pab_model_plan *plan, struct pab_model_result *out,
                                 struct pab_error *err)
{
    struct model_head head;
    struct model_list list;
    struct pab_model_plan own = *plan;
    enum pab_status status = pab_model_judge_trace(trace, err);
    if (status != PAB_OK || (status = pab_model_trace_read(trace, &head, &list, err)) != PAB_OK) {
        return status;
    }
    (void)find_profile(head.profile, &own.profile);
    own.seed = head.seed;
    own.threads = head.threads;
    own.free_running = false;
    struct model_trial trial = {.subject = subject, .plan = &own, .list = &list};
    trial.outcome = pab_case_shared(sizeof(*trial.outcome));
    PAB_CHECK(trial.outcome != NULL);
    trial.timeout_ms = timeout_ms(list.count);
    bool has_found = pab_model_try(&trial);
    take_result(&trial, out);
    if (has_found && can_shrink(&trial, out)) {
        struct sought sought;
        seek(&sought, &trial);
        sought.deadline_ms = now_ms() + 1000 * (int64_t)own.shrink_s;
        shrink_list(&sought, &list, out);
    }
    free(list.ops);
    return PAB_OK;
}
