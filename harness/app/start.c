#include "harness/app/start.h"

#include "harness/scratch.h"
#include "harness/stats/stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_RUNS 25

void pab_app_start_command(const struct pab_program *program, char *out[static 4])
{
    const char *slash = strrchr(program->path, '/');
    const char *name = slash == NULL ? program->path : slash + 1;
    bool is_python = strncmp(name, "python", strlen("python")) == 0;
    out[0] = is_python ? program->command[0] : (char *)(uintptr_t) "true";
    out[1] = is_python ? (char *)(uintptr_t) "-c" : NULL;
    out[2] = is_python ? (char *)(uintptr_t) "pass" : NULL;
    out[3] = NULL;
}

/* --- what it takes to begin ------------------------------------------------------------------- */

struct starts {
    double cpu_ns[START_RUNS], peak_bytes[START_RUNS];
    size_t count;
};

static enum pab_status start_once(struct pab_app *app, const struct pab_program *nothing,
                                  size_t arm, struct starts *starts, struct pab_error *err)
{
    static struct pab_app_attempt made;
    struct pab_app_launch launch = {
        .program = nothing,
        .configuration = &app->configurations[arm],
        .timeout_s = app->plan.timeout_s,
        .interrupted = app->interrupted,
    };
    enum pab_status status = pab_app_attempt_make(&launch, &made, err);
    if (status == PAB_OK && made.interrupt != 0) {
        app->stopped_by = made.interrupt;
    }
    if (status == PAB_OK && made.ok) {
        starts->cpu_ns[starts->count] = (double)(made.user_ns + made.system_ns);
        starts->peak_bytes[starts->count] = (double)made.peak_rss_bytes;
        starts->count++;
    }
    return status;
}

enum pab_status pab_app_time_start(struct pab_app *app, struct pab_error *err)
{
    static struct starts starts[PAB_PLAN_BACKENDS_MAX];
    char *command[4];
    struct pab_program nothing = {
        .command = command, .library = app->program.library, .library_name = "libpab_witness"};
    enum pab_status status = PAB_OK;
    pab_app_start_command(&app->program, command);
    memset(starts, 0, sizeof(starts));
    bool can_be = pab_program_check(&nothing, NULL) == PAB_OK;
    for (size_t i = 0; i < START_RUNS * app->plan.arm_count && can_be; i++) {
        size_t arm = i % app->plan.arm_count;
        if (app->is_good[arm] && status == PAB_OK && !pab_app_is_interrupted(app)) {
            status = start_once(app, &nothing, arm, &starts[arm], err);
        }
    }
    for (size_t arm = 0; arm < app->plan.arm_count; arm++) {
        struct starts *own = &starts[arm];
        app->start[arm].cpu_ns = own->count > 0 ? pab_median(own->cpu_ns, own->count) : NAN;
        app->start[arm].peak_bytes = own->count > 0 ? pab_median(own->peak_bytes, own->count) : NAN;
    }
    return status;
}

/* --- its instructions ------------------------------------------------------------------------- */

/* "==123== Collected : 4567" of one process's log; 0: it has none. */
static uint64_t read_log(int folder, const char *name)
{
    static const char mark[] = "Collected : ";
    char line[4096];
    uint64_t collected = 0;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *at = strstr(line, mark);
        collected = at != NULL ? strtoull(at + strlen(mark), NULL, 10) : collected;
    }
    if (file != NULL) {
        fclose(file);
    }
    return collected;
}

/* The sum over all logs, one of each process; the folder is gone then. */
static uint64_t take_logs(const char *path)
{
    uint64_t sum = 0;
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            sum += read_log(dirfd(folder), entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    pab_scratch_remove(path);
    return sum;
}

static enum pab_status run_counted(struct pab_app *app, char **command, int null_fd,
                                   struct pab_error *err)
{
    const struct pab_app_configuration *baseline = &app->configurations[app->plan.baseline];
    char preload[PAB_APP_PRELOAD_MAX];
    pab_app_configuration_preload(baseline, preload, sizeof(preload));
    struct pab_program counted = {
        .command = command,
        .library = app->program.library,
        .library_name = "libpab_witness", /* looked for, not used */
        .input = app->program.input,
        .streams = {null_fd, null_fd, null_fd},
        .variables = {{"LD_PRELOAD", preload},
                      {"PYTHONMALLOC", baseline->python_malloc},
                      {"PYTHONDEVMODE", NULL},
                      {"PYTHONTRACEMALLOC", NULL},
                      {"GLIBC_TUNABLES", baseline->tunables[0] != '\0' ? baseline->tunables
                                                                       : getenv("GLIBC_TUNABLES")}},
    };
    enum pab_status status = pab_program_check(&counted, err);
    status = status == PAB_OK ? pab_program_run(&counted, err) : status;
    app->stopped_by = status == PAB_OK ? pab_program_signal() : 0;
    if (status == PAB_OK && pab_program_exit_code(&counted) != app->exit_code) {
        status = pab_fail(err, PAB_UNAVAILABLE, "under callgrind it ended with status %d, not %d",
                          pab_program_exit_code(&counted), app->exit_code);
    }
    return status;
}

enum pab_status pab_app_count_instructions(struct pab_app *app, struct pab_error *err)
{
    char folder[4096];
    char log[4200];
    size_t words = 0;
    while (app->program.command[words] != NULL) {
        words++;
    }
    enum pab_status status = pab_scratch_make("app", folder, sizeof(folder), err);
    if (status != PAB_OK) {
        return status;
    }
    snprintf(log, sizeof(log), "--log-file=%s/%%p", folder);
    char *const own[] = {"valgrind",
                         "--tool=callgrind",
                         "--trace-children=yes",
                         "--vgdb=no",
                         "--callgrind-out-file=/dev/null",
                         log};
    char **command = calloc(words + ARRAY_COUNT(own) + 1, sizeof(*command));
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    PAB_CHECK(command != NULL);
    memcpy(command, own, sizeof(own));
    memcpy(command + ARRAY_COUNT(own), app->program.command, words * sizeof(*command));
    struct pab_error why = {0};
    status = run_counted(app, command, null_fd, &why);
    app->instructions = take_logs(folder);
    if (status != PAB_OK && !pab_app_is_interrupted(app)) {
        fprintf(stderr, "pyallocbench: its instructions could not be counted: %s\n", why.text);
        app->instructions = 0;
    }
    free(command);
    close(null_fd);
    return PAB_OK;
}
