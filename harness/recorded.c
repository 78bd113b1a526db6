#include "harness/recorded.h"

#include "harness/job.h"
#include "harness/json_text.h"
#include "harness/text.h"
#include "workloads/trace/words.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define PREFIX       "trace:"
#define SUFFIX       ".pabtrace"
#define FOLDER       "traces"
#define SCAN_WORDS   ((size_t)1 << 15)
#define RECORDED_MAX 128
#define TIME_EVENTS  ((uint64_t)40000)   /* of one that ships */
#define LONG_EVENTS  ((uint64_t)4000000) /* of any other: some tenths of a second */

struct recorded {
    struct pab_workload workload; /* first: a workload's address is its trace's */
    struct pab_recording recording;
    struct pab_param params[3];
    struct pab_survey survey;
    struct pab_error broken; /* what ends it too early; PAB_OK: nothing */
    bool is_read;
    char name[PAB_NAME_MAX], command[160], python[32], summary[256], models[320];
};

static struct {
    struct recorded *traces[RECORDED_MAX]; /* those that ship, then the user's */
    size_t count, shipped;
    bool is_scanned;
} recorded;

static struct recorded *trace_of(const struct pab_workload *workload)
{
    return workload->recording == NULL ? NULL : (struct recorded *)(uintptr_t)workload;
}

/* --- names ---------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

bool pab_recorded_is_file(const char *word)
{
    return strncmp(word, PREFIX, strlen(PREFIX)) == 0 &&
           (strchr(word, '/') != NULL || ends_with(word, SUFFIX));
}

bool pab_recorded_lacks_prefix(const char *word)
{
    return strncmp(word, PREFIX, strlen(PREFIX)) != 0 && ends_with(word, SUFFIX);
}

/* trace:NAME of a path; false where it would not do on a command line and in a table. */
static bool name_of(const char *path, char out[PAB_NAME_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t length = strlen(base) - (ends_with(base, SUFFIX) ? strlen(SUFFIX) : 0);
    if (length == 0 || length + strlen(PREFIX) >= PAB_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)base[i]) && strchr("._-+@", base[i]) == NULL) {
            return false;
        }
    }
    snprintf(out, PAB_NAME_MAX, PREFIX "%.*s", (int)length, base);
    return true;
}

static struct recorded *add(const char *path, const char *name)
{
    struct recorded *trace = calloc(1, sizeof(*trace));
    PAB_CHECK(trace != NULL && recorded.count < RECORDED_MAX);
    snprintf(trace->recording.path, sizeof(trace->recording.path), "%s", path);
    snprintf(trace->name, sizeof(trace->name), "%s", name);
    memcpy(trace->params, pab_workload_replay.params, 2 * sizeof(trace->params[0]));
    trace->workload = pab_workload_replay;
    trace->workload.name = trace->name;
    trace->workload.params = trace->params;
    trace->workload.recording = &trace->recording;
    recorded.traces[recorded.count++] = trace;
    return trace;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct recorded *const *)a)->name, (*(struct recorded *const *)b)->name);
}

/* Beside this program. One that was copied away without them has none. */
static void scan(void)
{
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - sizeof("/" FOLDER));
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    memcpy(slash == NULL ? folder : slash + 1, FOLDER, sizeof(FOLDER));
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL && recorded.count < RECORDED_MAX / 2) {
        char path[PATH_MAX];
        char name[PAB_NAME_MAX];
        int wrote = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (ends_with(entry->d_name, SUFFIX) && name_of(entry->d_name, name) &&
            wrote < (int)sizeof(((struct pab_recording *)0)->path)) {
            add(path, name)->workload.flags |= PAB_WORKLOAD_DEFAULT;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    recorded.shipped = recorded.count;
    qsort((void *)recorded.traces, recorded.count, sizeof(struct recorded *), by_name);
    recorded.is_scanned = true;
}

size_t pab_catalogue_count(void)
{
    if (!recorded.is_scanned) {
        scan();
    }
    return pab_workload_count() + recorded.shipped;
}

const struct pab_workload *pab_catalogue_at(size_t index)
{
    PAB_CHECK(index < pab_catalogue_count());
    return index < pab_workload_count() ? pab_workload_at(index)
                                        : &recorded.traces[index - pab_workload_count()]->workload;
}

const char *pab_catalogue_name(size_t index)
{
    return pab_catalogue_at(index)->name;
}

enum pab_status pab_recorded_add(const char *word, const struct pab_workload **out,
                                 struct pab_error *err)
{
    char name[PAB_NAME_MAX];
    char path[PATH_MAX];
    const char *file = word + strlen(PREFIX);
    if (!recorded.is_scanned) {
        scan();
    }
    if (!name_of(file, name)) {
        return pab_fail(err, PAB_USAGE,
                        "%s: a workload is called as its file, by up to %zu letters, digits and "
                        "any of . _ - + @; link or copy the file to such a name",
                        file, PAB_NAME_MAX - strlen(PREFIX) - 1);
    }
    if (realpath(file, path) == NULL) { /* for the sentence of who opens it */
        snprintf(path, sizeof(path), "%s", file);
    }
    if (strlen(path) >= sizeof(((struct pab_recording *)0)->path) ||
        recorded.count == RECORDED_MAX) {
        return pab_fail(err, PAB_USAGE, "%s: %s", file,
                        recorded.count == RECORDED_MAX ? "too many traces in one run"
                                                       : "the path is too long");
    }
    *out = &add(path, name)->workload;
    return PAB_OK;
}

/* --- what is in one ------------------------------------------------------------------------- */

static enum pab_status scan_events(struct recorded *trace, struct pab_words *words)
{
    static uint64_t room[SCAN_WORDS];
    struct pab_word_row row = {.at = room, .room = SCAN_WORDS};
    enum pab_status status = PAB_OK;
    do {
        status = pab_words_read(words, &row, &trace->broken);
    } while (status == PAB_OK && row.count > 0);
    trace->survey = pab_words_survey(words);
    return status;
}

/* The time pass takes a part of a long trace, from its middle: a program that works, where its first
 * events are those of an interpreter that starts. The memory pass takes all. */
static void set_params(struct recorded *trace)
{
    uint64_t events = trace->survey.events;
    bool ships = (trace->workload.flags & PAB_WORKLOAD_DEFAULT) != 0;
    uint64_t part = ships ? TIME_EVENTS : LONG_EVENTS;
    trace->params[PAB_REPLAY_FROM].max = events > 0 ? events : 1;
    trace->params[PAB_REPLAY_EVENTS].max = events;
    if (events > 2 * part) {
        trace->params[PAB_REPLAY_FROM].value = (events - part) / 2;
        trace->params[PAB_REPLAY_EVENTS].value = part;
        trace->params[PAB_REPLAY_EVENTS].memory_value = events;
    }
}

static void describe(struct recorded *trace, const char *meta_text)
{
    json_t *meta = json_loads(meta_text, 0, NULL);
    const char *command = pab_json_text(meta, "command");
    pab_text_clean(command[0] == '\0' ? "a program" : command, false, trace->command,
                   sizeof(trace->command));
    pab_text_clean(pab_json_text(meta, "python"), false, trace->python, sizeof(trace->python));
    json_decref(meta);
    const struct pab_survey *survey = &trace->survey;
    snprintf(trace->summary, sizeof(trace->summary),
             "%s, replayed: %" PRIu64 " events, peak %.1f MiB", trace->command, survey->events,
             (double)survey->peak_live_bytes / (1 << 20));
    snprintf(trace->models, sizeof(trace->models),
             "One run of this program%s%s, recorded: its requests in their order, with memory "
             "touched as a program touches it%s.",
             trace->python[0] == '\0' ? "" : " under Python ", trace->python,
             survey->threads > 1 ? ", by as many threads in turn" : "");
    trace->workload.summary = trace->summary;
    trace->workload.models = trace->models;
}

enum pab_status pab_recorded_read(const struct pab_workload *workload, struct pab_error *err)
{
    struct recorded *trace = trace_of(workload);
    struct pab_words *words = NULL;
    if (trace == NULL || trace->is_read) {
        return PAB_OK;
    }
    const char *path = trace->recording.path;
    struct pab_words_part all = {.threads_max = PAB_TRACE_THREADS_MAX};
    enum pab_status status = pab_words_open(path, &all, &words, err);
    if (status != PAB_OK) {
        return status;
    }
    trace->broken.status = scan_events(trace, words);
    set_params(trace);
    describe(trace, pab_words_meta(words));
    pab_words_close(words);
    trace->is_read = true;
    return pab_trace_digest(path, &trace->recording.digest, err);
}

enum pab_status pab_recorded_expect(const struct pab_workload *workload, const uint64_t *params,
                                    struct pab_error *err)
{
    const struct recorded *trace = trace_of(workload);
    if (trace == NULL) {
        return PAB_OK;
    }
    const struct pab_survey *survey = &trace->survey;
    bool is_broken = trace->broken.status != PAB_OK;
    if (survey->events == 0 && !is_broken) {
        return pab_fail(err, PAB_BAD_DATA, "%s has no events: there is nothing to replay",
                        trace->recording.path);
    }
    if (params[PAB_REPLAY_EVENTS] > survey->events - (params[PAB_REPLAY_FROM] - 1)) {
        return pab_fail(err, PAB_USAGE,
                        "%s has %" PRIu64 " events: `from` and `events` ask for more of them",
                        trace->name, survey->events);
    }
    if (params[PAB_REPLAY_EVENTS] != 0 || (survey->ended && !is_broken)) {
        return PAB_OK;
    }
    char advice[160] = "";
    if (survey->events > 0) {
        snprintf(advice, sizeof(advice), "; -p %s.events=%" PRIu64 " replays what is good of it",
                 trace->name, survey->events);
    }
    if (is_broken) {
        return pab_fail(err, trace->broken.status, "%.340s%s", trace->broken.text, advice);
    }
    return pab_fail(err, PAB_BAD_DATA, "%.300s has no end: is it still being recorded?%s",
                    trace->recording.path, advice);
}

/* --- in documents --------------------------------------------------------------------------- */

void pab_recorded_digest(const struct pab_workload *workload, char out[PAB_DIGEST_TEXT])
{
    snprintf(out, PAB_DIGEST_TEXT, "%016" PRIx64, workload->recording->digest);
}

json_t *pab_recorded_json(const struct pab_workload *workload)
{
    const struct recorded *trace = trace_of(workload);
    char digest[PAB_DIGEST_TEXT];
    if (trace == NULL) {
        return NULL;
    }
    pab_recorded_digest(workload, digest);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:i}", "digest", digest, "command", trace->command,
                     "python", trace->python, "events", (json_int_t)trace->survey.events,
                     "peak_live_bytes", (json_int_t)trace->survey.peak_live_bytes, "threads",
                     (int)trace->survey.threads);
}
