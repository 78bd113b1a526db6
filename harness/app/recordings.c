#include "harness/app/recordings.h"

#include "harness/app/start.h"
#include "harness/json_text.h"
#include "harness/output.h"
#include "harness/pass.h"
#include "harness/scratch.h"
#include "harness/text.h"
#include "workloads/trace/replay.h"
#include "workloads/trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTHING      "no_program" /* its recording, and so its workload: trace:no_program */
#define RECORDED_MAX 200u         /* bytes of a command that a recording keeps */
#define COUNTED_MAX  20000000u    /* events: some minutes under callgrind, for each backend */

/* Beside the document; no other command gives files such a name. */
static void name_recording(const char *output, char *out, size_t size)
{
    size_t length = strlen(output);
    bool is_json = length > 5 && strcmp(output + length - 5, ".json") == 0;
    const char *folder = strchr(output, '/') == NULL ? "./" : "";
    snprintf(out, size, "%s%.*s.predict.pabtrace", folder, (int)(is_json ? length - 5 : length),
             output);
}

static char *word(const char *text)
{
    return (char *)(uintptr_t)text; /* execv() changes none of them */
}

/* `record`, as a user would call it; what the program prints is of no interest here. */
static enum pab_status record(const char *path, const struct pab_program *program, bool is_loud,
                              struct pab_error *err)
{
    char *const *command = program->command;
    const char *input = program->input;
    size_t count = 0;
    while (command[count] != NULL) {
        count++;
    }
    char *const own[] = {
        word("pyallocbench"), word("record"), word("--quiet"), word("--only-root"),
        word("--output"),     word(path),     word("--")}; /* a replay is of one process */
    char **words = calloc(count + ARRAY_COUNT(own) + 1, sizeof(*words));
    PAB_CHECK(words != NULL);
    memcpy(words, own, sizeof(own));
    memcpy(words + ARRAY_COUNT(own), command, count * sizeof(*words));
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        (void)dup2(input != NULL ? open(input, O_RDONLY) : null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        if (!is_loud) {
            (void)dup2(null, STDERR_FILENO);
        }
        execv("/proc/self/exe", words);
        _exit(127);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    free(words);
    return pid > 0 && access(path, R_OK) == 0
               ? PAB_OK
               : pab_fail(err, PAB_UNAVAILABLE, "the program could not be recorded into %s", path);
}

/* Into a folder of its own; without it a prediction is less good, and can be made. */
static void record_nothing(struct pab_app_recordings *recordings, const struct pab_program *program)
{
    char *command[4];
    char path[4200];
    struct pab_error err;
    pab_app_start_command(program, command);
    if (pab_scratch_make("app", recordings->scratch, sizeof(recordings->scratch), &err) != PAB_OK) {
        recordings->scratch[0] = '\0';
        return;
    }
    snprintf(path, sizeof(path), "%s/" NOTHING ".pabtrace", recordings->scratch);
    const struct pab_program nothing = {.command = command};
    if (record(path, &nothing, false, &err) != PAB_OK) {
        pab_scratch_remove(recordings->scratch);
        recordings->scratch[0] = '\0';
    }
}

/* Counts where valgrind is there and nobody has to wait for hours. */
static enum pab_status plan_replays(struct pab_app_recordings *recordings,
                                    const struct pab_request *request, struct pab_error *err)
{
    char workloads[2 * 4300];
    struct pab_request own = *request;
    struct pab_plan *plan = &recordings->plan;
    bool has_nothing = recordings->scratch[0] != '\0';
    snprintf(workloads, sizeof(workloads), "trace:%s%s%s%s", recordings->path,
             has_nothing ? ",trace:" : "", recordings->scratch,
             has_nothing ? "/" NOTHING ".pabtrace" : "");
    own.workloads = workloads;
    own.params[own.param_count++] = "trace:*.from=1"; /* whole, however long */
    own.params[own.param_count++] = "trace:*.events=0";
    own.passes = "time,memory";
    enum pab_status status = pab_plan_make(plan, &own, err);
    if (status != PAB_OK) {
        return status;
    }
    const struct pab_param *events = &plan->workloads[0].workload->params[PAB_REPLAY_EVENTS];
    const struct pab_pass *pass = pab_pass_find("instructions");
    recordings->counts_instructions = pass->missing() == NULL && events->max <= COUNTED_MAX;
    if (recordings->counts_instructions) {
        pab_plan_fini(plan);
        own.passes = "memory,instructions";
        status = pab_plan_make(plan, &own, err);
    }
    return status;
}

enum pab_status pab_app_recordings_place(struct pab_app_recordings *recordings, const char *trace,
                                         const char *output, struct pab_error *err)
{
    recordings->is_there = strcmp(trace, "auto") != 0;
    if (recordings->is_there) {
        snprintf(recordings->path, sizeof(recordings->path), "%s%s",
                 strchr(trace, '/') != NULL ? "" : "./", trace);
        return PAB_OK;
    }
    name_recording(output, recordings->path, sizeof(recordings->path));
    enum pab_status status =
        pab_output_expect_own("--predict", recordings->path, PAB_TRACE_MAGIC, err);
    if (status == PAB_OK) {
        status = pab_output_expect_writable(recordings->path, err);
    }
    if (status == PAB_OK) {
        (void)unlink(recordings->path); /* an older one must not pass for it */
    }
    return status;
}

enum pab_status pab_app_recordings_make(struct pab_app_recordings *recordings,
                                        const struct pab_program *program,
                                        const struct pab_request *request, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    if (!recordings->is_there) {
        status = record(recordings->path, program, true, err);
    }
    if (status != PAB_OK) {
        return status;
    }
    record_nothing(recordings, program);
    return plan_replays(recordings, request, err);
}

const char *pab_app_recordings_nothing(const struct pab_app_recordings *recordings)
{
    return recordings->plan.workload_count > 1 ? recordings->plan.workloads[1].workload->name
                                               : NULL;
}

/* Whole, or from a word or the name of a file on. */
static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t own = strlen(end);
    return own <= length && strcmp(text + length - own, end) == 0 &&
           (own == length || strchr(" /", text[length - own - 1]) != NULL);
}

static void join_words(char *const *command, char *out, size_t size)
{
    char words[RECORDED_MAX + 1] = "";
    size_t used = 0;
    for (size_t i = 0; command[i] != NULL && used < sizeof(words); i++) {
        int length =
            snprintf(words + used, sizeof(words) - used, "%s%s", i > 0 ? " " : "", command[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    pab_text_clean(words, false, out, size);
}

bool pab_app_recordings_is_of(const struct pab_app_recordings *recordings, char *const *command,
                              char *out, size_t size)
{
    char own[RECORDED_MAX + 1];
    struct pab_trace_reader *reader = NULL;
    struct pab_error err;
    if (pab_trace_open(recordings->path, &reader, &err) != PAB_OK) {
        return true; /* its replay says why */
    }
    json_t *meta = json_loads(pab_trace_meta(reader), 0, NULL);
    pab_text_clean(pab_json_text(meta, "command"), false, out, size);
    json_decref(meta);
    pab_trace_close(reader);
    join_words(command, own, sizeof(own));
    bool is_cut = strlen(out) + 1 >= RECORDED_MAX || strlen(own) + 1 >= RECORDED_MAX;
    return is_cut || out[0] == '\0' || ends_with(out, own) || ends_with(own, out);
}

void pab_app_recordings_fini(struct pab_app_recordings *recordings)
{
    pab_plan_fini(&recordings->plan);
    if (recordings->scratch[0] != '\0') {
        pab_scratch_remove(recordings->scratch);
    }
}
