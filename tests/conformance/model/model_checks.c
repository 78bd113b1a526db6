/* tests/conformance/model/model_checks.c -- the model as checks: one for each profile, traces that were
 * kept, and any trace that a user brings. */
#include "tests/conformance/model/model.h"
#include "tests/conformance/model/trace.h"
#include "tests/conformance/support/aligned.h"
#include "tests/conformance/support/judge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPS        UINT64_C(1000000)
#define OPS_LARGE  UINT64_C(30000) /* each of them moves a page or more */
#define TOLD_LINES 100             /* of a trace, for a reader */
#define SHRINK_S   10
#define THREADS    4
#define FILE_BYTES ((size_t)32 << 20) /* no trace is larger */

/* Traces that once showed something, or would: model/corpus. */
static const struct kept {
    const char *name, *text;
} corpus[] = {
#include "pab_traces.inc"
};

/* --- files ---------------------------------------------------------------------------------- */

/* The whole of a file, malloc'ed and ended by a NUL; NULL: why not in `err`. */
static char *read_text(const char *path, struct pab_error *err)
{
    FILE *file = fopen(path, "re");
    char *text = file == NULL ? NULL : malloc(FILE_BYTES + 1);
    size_t got = text == NULL ? 0 : fread(text, 1, FILE_BYTES + 1, file);
    bool has_failed = file == NULL || text == NULL || ferror(file) != 0;
    if (has_failed) {
        pab_fail(err, PAB_USAGE, "cannot read %s: %s", path, strerror(errno));
    } else if (got > FILE_BYTES || memchr(text, '\0', got) != NULL) {
        pab_fail(err, PAB_USAGE, "%s is no trace: it is %s", path,
                 got > FILE_BYTES ? "too large" : "no text");
        has_failed = true;
    } else {
        text[got] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    if (has_failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* A file that must be a trace. */
static char *read_trace(const char *path, struct pab_error *err)
{
    char *text = read_text(path, err);
    struct pab_error wrong;
    if (text != NULL && pab_model_judge_trace(text, &wrong) != PAB_OK) {
        pab_fail(err, PAB_USAGE, "%s: %.400s", path, wrong.text);
        free(text);
        return NULL;
    }
    return text;
}

static bool ends_in_trace(const char *name)
{
    size_t length = strlen(name);
    return length > 6 && strcmp(name + length - 6, ".trace") == 0;
}

/* Hands each trace of a folder to `each` until it says false. PAB_USAGE: one of them is damaged, or
 * the folder cannot be read. One that is not there yet has none. */
static enum pab_status for_traces(const char *folder,
                                  bool (*each)(void *arg, const char *name, const char *text),
                                  void *arg, struct pab_error *err)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    if (count < 0 && errno != ENOENT) {
        return pab_fail(err, PAB_USAGE, "cannot read %s: %s", folder, strerror(errno));
    }
    enum pab_status status = PAB_OK;
    bool goes_on = true;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (goes_on && status == PAB_OK && ends_in_trace(names[i]->d_name)) {
            char *text = read_trace(path, err);
            status = text == NULL ? PAB_USAGE : PAB_OK;
            goes_on = text != NULL && each(arg, names[i]->d_name, text);
            free(text);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

/* BACKEND-CHECK-SEED.trace: characters that a file name should not have become '-'. A file of that
 * name which holds something else is left alone, and the next number tried. */
static void save_trace(struct pab_check_run *run, const char *text)
{
    char name[PAB_SPEC_MAX + 64];
    snprintf(name, sizeof(name), "%s-%s-%" PRIu64, run->spec->id, run->check->id, run->seed);
    for (char *at = name; *at != '\0'; at++) {
        if (strchr("/:=+ ", *at) != NULL) {
            *at = '-';
        }
    }
    (void)mkdir(run->corpus, 0777);
    for (unsigned number = 1; number < 100; number++) {
        char path[4096];
        char suffix[16] = "";
        if (number > 1) {
            snprintf(suffix, sizeof(suffix), ".%u", number);
        }
        snprintf(path, sizeof(path), "%s/%s%s.trace", run->corpus, name, suffix);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        size_t size = strlen(text);
        if (fd >= 0) {
            bool is_written = write(fd, text, size) == (ssize_t)size;
            is_written &= close(fd) == 0;
            pab_detail(run, "%s %s", is_written ? "kept as" : "could not be written to", path);
            return;
        }
        if (errno != EEXIST) {
            pab_detail(run, "could not be kept as %s: %s", path, strerror(errno));
            return;
        }
        char *there = read_text(path, NULL);
        bool is_same = there != NULL && strcmp(there, text) == 0;
        free(there);
        if (is_same) {
            return;
        }
    }
}

/* --- what was found ------------------------------------------------------------------------- */

static void add_lines(struct pab_check_run *run, const char *title, const char *text)
{
    pab_detail(run, "%s", title);
    while (*text != '\0') {
        int length = (int)strcspn(text, "\n");
        pab_detail(run, "%.*s", length, text);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static enum pab_verdict tell_finding(struct pab_check_run *run,
                                     const struct pab_model_result *result, bool may_save)
{
    if (result->end == PAB_MODEL_NO_PROCESS) {
        return pab_skip(run, "%s", result->text);
    }
    pab_wrong(run, "%s: %s", result->statement, result->text);
    if (result->trace != NULL && may_save && run->corpus != NULL) {
        save_trace(run, result->trace);
    }
    if (result->trace != NULL) {
        char title[128];
        snprintf(title, sizeof(title), "# %zu line%s it%s; --replay FILE does the same again",
                 result->trace_ops, result->trace_ops == 1 ? " shows" : "s show",
                 result->is_shrunk ? "" : " (time was over for less)");
        bool is_short = result->trace_ops <= TOLD_LINES;
        add_lines(run, is_short ? title : "# too many lines to show: --corpus DIR keeps them",
                  is_short ? result->trace : "");
    }
    if (result->program != NULL) {
        add_lines(run, "", result->program);
    }
    return pab_judge(run, false);
}

static void tell_figures(struct pab_check_run *run, const struct pab_model_result *result)
{
    char faults[256] = "";
    char errnos[192] = "";
    if (result->faults_missing[0] != '\0') {
        snprintf(faults, sizeof(faults), "; no kernel call could be made to fail: %s",
                 result->faults_missing);
    } else if (result->failed > 0) {
        snprintf(faults, sizeof(faults),
                 "; %" PRIu64 " kernel calls failed, %" PRIu64 " requests refused for it",
                 result->failed, result->refused);
    }
    if (result->errno_wrong > 0) {
        snprintf(errnos, sizeof(errnos), "; %" PRIu64 " calls left another errno (%s)",
                 result->errno_wrong, result->errno_first);
    }
    pab_compared(run,
                 "%" PRIu64 " calls, %" PRIu64 " MiB of content, %" PRIu64 " sweeps, %" PRIu64
                 " drains, up to %" PRIu64 " blocks live, %" PRIu64
                 " kinds of (class, call, call before)%s%s",
                 result->ops, result->bytes >> 20, result->sweeps, result->drains,
                 result->high_live, result->triples, faults, errnos);
}

static void forget_result(struct pab_model_result *result)
{
    free(result->trace);
    free(result->program);
}

/* A whole check: the plan, with the seed and the budget that were asked for. */
static enum pab_verdict check_plan(struct pab_check_run *run, struct pab_model_plan plan,
                                   uint64_t own)
{
    struct pab_subject subject;
    struct pab_model_result result;
    if ((run->heap->backend->caps & PAB_CAP_FAKE) != 0) {
        return pab_skip(run, "%s does no real work: it frees nothing", run->heap->backend->name);
    }
    pab_subject_init(&subject, run->heap);
    plan.seed = run->seed;
    plan.ops = pab_budget(run, own, 0);
    plan.shrink_s = SHRINK_S;
    plan.align_least = pab_aligned_least(run);
    plan.progress = run->progress;
    plan.threads = plan.threads == 0 ? 1 : plan.threads;
    pab_model_run(&subject, &plan, &result);
    run->ops_done = result.ops;
    tell_figures(run, &result);
    enum pab_verdict verdict =
        result.end == PAB_MODEL_HELD ? PAB_PASS : tell_finding(run, &result, true);
    forget_result(&result);
    return verdict;
}

/* --- profiles ------------------------------------------------------------------------------- */

static enum pab_verdict py_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_PY}, OPS);
}

static enum pab_verdict tiny_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_TINY}, OPS);
}

static enum pab_verdict edges_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_EDGES}, OPS);
}

static enum pab_verdict large_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_LARGE}, OPS_LARGE);
}

static enum pab_verdict churn_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_CHURN}, OPS);
}

static enum pab_verdict hostile_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_HOSTILE}, OPS / 2);
}

static enum pab_verdict aligned_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_ALIGNED}, OPS / 2);
}

static enum pab_verdict lockstep_run(struct pab_check_run *run)
{
    return check_plan(run, (struct pab_model_plan){.profile = PAB_MODEL_CHURN, .threads = THREADS},
                      OPS);
}

static enum pab_verdict free_running_run(struct pab_check_run *run)
{
    struct pab_model_plan plan = {
        .profile = PAB_MODEL_CHURN, .threads = THREADS, .free_running = true};
    return check_plan(run, plan, OPS);
}

/* --- traces --------------------------------------------------------------------------------- */

struct replaying {
    struct pab_check_run *run;
    struct pab_subject subject;
    struct pab_model_plan plan;
    size_t count;
    enum pab_verdict verdict;
};

static void replaying_init(struct replaying *replaying, struct pab_check_run *run,
                           unsigned shrink_s)
{
    *replaying = (struct replaying){.run = run, .verdict = PAB_PASS};
    replaying->plan.shrink_s = shrink_s;
    replaying->plan.align_least = pab_aligned_least(run);
    pab_subject_init(&replaying->subject, run->heap);
}

/* One trace; false when it shows something. */
static bool replay_one(void *arg, const char *name, const char *text)
{
    struct replaying *replaying = arg;
    struct pab_check_run *run = replaying->run;
    struct pab_model_result result = {.end = PAB_MODEL_HELD};
    struct pab_error err;
    if (pab_model_replay(&replaying->subject, text, &replaying->plan, &result, &err) != PAB_OK) {
        replaying->verdict = pab_skip(run, "%s: %s", name, err.text);
        return false;
    }
    replaying->count++;
    run->ops_done += result.ops;
    if (result.end != PAB_MODEL_HELD) {
        char text_with_name[sizeof(result.text)];
        snprintf(text_with_name, sizeof(text_with_name), "%.60s: %.380s", name, result.text);
        memcpy(result.text, text_with_name, sizeof(result.text));
        replaying->verdict = tell_finding(run, &result, false);
    }
    forget_result(&result);
    return result.end == PAB_MODEL_HELD;
}

static enum pab_status replay_admit(const struct pab_check_run *run, struct pab_error *err)
{
    if (run->replay == NULL) {
        return pab_fail(err, PAB_UNAVAILABLE, "no trace was given: --replay FILE");
    }
    char *text = read_trace(run->replay, err);
    free(text);
    return text == NULL ? PAB_USAGE : PAB_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static enum pab_verdict replay_run(struct pab_check_run *run)
{
    struct replaying replaying;
    struct pab_error err;
    replaying_init(&replaying, run, SHRINK_S);
    char *text = read_trace(run->replay, &err);
    if (text == NULL) {
        return pab_skip(run, "%s", err.text);
    }
    (void)replay_one(&replaying, base_name(run->replay), text);
    free(text);
    pab_compared(run, "%" PRIu64 " calls of %.200s", run->ops_done, run->replay);
    return replaying.verdict;
}

static bool pass_over(void *arg, const char *name, const char *text)
{
    (void)arg;
    (void)name;
    (void)text;
    return true;
}

static enum pab_status corpus_admit(const struct pab_check_run *run, struct pab_error *err)
{
    return run->corpus == NULL ? PAB_OK : for_traces(run->corpus, pass_over, NULL, err);
}

static enum pab_verdict corpus_run(struct pab_check_run *run)
{
    struct replaying replaying;
    struct pab_error err;
    replaying_init(&replaying, run, 0);
    bool goes_on = true;
    for (size_t i = 0; i < ARRAY_COUNT(corpus) && goes_on; i++) {
        goes_on = replay_one(&replaying, corpus[i].name, corpus[i].text);
    }
    if (goes_on && run->corpus != NULL) {
        (void)for_traces(run->corpus, replay_one, &replaying, &err);
    }
    pab_compared(run, "%zu traces, %" PRIu64 " calls", replaying.count, run->ops_done);
    return replaying.verdict;
}

/* --- rows ----------------------------------------------------------------------------------- */

#define MODEL_COMMON                                                                               \
    .source = "C23 7.24.3, POSIX.1-2024 malloc, realloc, free: random calls against a model of "   \
              "them, as OpenBSD malloc_general, TCMalloc and scudo fuzzers",                       \
    .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_MEMORY

static const struct pab_check checks[] = {
    {
        .id = "MOD-000",
        .summary = "the calls of a trace file keep to the model",
        .admit = replay_admit,
        .run = replay_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-001",
        .summary = "traces that once showed a fault keep to the model",
        .admit = corpus_admit,
        .run = corpus_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-002",
        .summary = "random calls keep to the model: sizes of Python programs, bursts, failures",
        .run = py_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-003",
        .summary = "random calls keep to the model: up to 64 bytes",
        .run = tiny_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-004",
        .summary = "random calls keep to the model: bounds of size classes and one byte beside",
        .run = edges_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-005",
        .summary = "random calls keep to the model: 4 KiB to 64 MiB",
        .run = large_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-006",
        .summary = "random calls keep to the model: filling and emptying in turn",
        .run = churn_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-007",
        .summary = "random calls keep to the model: impossible sizes, failing kernel calls",
        .run = hostile_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-008",
        .summary =
            "calls of threads in turn, any order of which can be replayed, keep to the model",
        .run = lockstep_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-009",
        .summary = "calls of threads at once, which hand blocks over, keep to the model",
        .run = free_running_run,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC,
        MODEL_COMMON,
    },
    {
        .id = "MOD-010",
        .summary = "random calls keep to the model: one in five asks for an alignment",
        .run = aligned_run,
        .uses = PAB_USES_CALLOC | PAB_USES_REALLOC | PAB_USES_C,
        MODEL_COMMON,
    },
};

const struct pab_check_group pab_checks_model_checks = {PAB_CHECK_CONTRACT, checks,
                                                        ARRAY_COUNT(checks)};
