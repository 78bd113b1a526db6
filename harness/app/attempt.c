#include "harness/app/attempt.h"

#include "harness/app/tree.h"
#include "harness/self.h"
#include "harness/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL /* no other library for one function */
#include <xxhash.h>

#define LOOK_NS  UINT64_C(5000000) /* between two looks at its memory, at first */
#define PAD_MAX  4096
#define LEAVE_NS UINT64_C(3000000000) /* to end by itself once it is interrupted */

/* What lives as long as one attempt does. */
struct stage {
    const struct pab_app_launch *launch;
    struct pab_app_attempt *out;
    struct pab_program program;
    struct pab_witness *witness;
    int witness_fd, output_fd, errors_fd, null_fd; /* above 2; -1: not open */
    char witness_path[64], pad[PAD_MAX + 1], preload[4096 + PAB_APP_PRELOAD_MAX];
    uint64_t begun_ns, deadline_ns, look_ns;
    bool was_killed, is_leaving;
};

__attribute__((format(printf, 3, 4))) static void fail(struct pab_app_attempt *out,
                                                       const char *kind, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(out->message, sizeof(out->message), format, values);
    va_end(values);
    snprintf(out->kind, sizeof(out->kind), "%s", kind);
    out->ok = false;
}

/* --- before ----------------------------------------------------------------------------------- */

/* Out of the way of the standard streams, whatever of ours is closed. */
static int lift(int fd)
{
    int lifted = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd >= 0) {
        close(fd);
    }
    return lifted;
}

/* Not every file system has files without a name. */
static int open_scratch(void)
{
    char path[4200];
    const char *folder = getenv("TMPDIR");
    folder = folder == NULL || folder[0] == '\0' ? "/tmp" : folder;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(path, sizeof(path), "%s/pyallocbench-app-XXXXXX", folder);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            (void)unlink(path);
        }
    }
    return lift(fd);
}

static enum pab_status open_stage(struct stage *stage, struct pab_error *err)
{
    stage->output_fd = open_scratch();
    stage->errors_fd = open_scratch();
    stage->null_fd = lift(open("/dev/null", O_RDONLY | O_CLOEXEC));
    stage->witness_fd = lift(memfd_create("witness", MFD_CLOEXEC));
    if (stage->output_fd < 0 || stage->errors_fd < 0) {
        return pab_fail(err, PAB_IO, "no temporary file for what the program prints: %s",
                        strerror(errno));
    }
    void *start = MAP_FAILED;
    if (stage->witness_fd >= 0 && ftruncate(stage->witness_fd, sizeof(struct pab_witness)) == 0) {
        start = mmap(NULL, sizeof(struct pab_witness), PROT_READ | PROT_WRITE, MAP_SHARED,
                     stage->witness_fd, 0);
    }
    if (start == MAP_FAILED || stage->null_fd < 0) {
        return pab_fail(err, PAB_IO, "no shared memory for the program's witness: %s",
                        strerror(errno));
    }
    stage->witness = start;
    stage->witness->format = PAB_WITNESS_FORMAT;
    snprintf(stage->witness_path, sizeof(stage->witness_path), "/proc/%d/fd/%d", (int)getpid(),
             stage->witness_fd);
    return PAB_OK;
}

static void close_stage(struct stage *stage)
{
    const int fds[] = {stage->output_fd, stage->errors_fd, stage->null_fd, stage->witness_fd};
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (stage->witness != NULL) {
        munmap(stage->witness, sizeof(*stage->witness));
    }
}

/* The witness first, which looks behind itself; then whatever is preloaded anyway. */
static void set_preload(struct stage *stage)
{
    int length =
        snprintf(stage->preload, sizeof(stage->preload), "%s", stage->program.library_path);
    char others[PAB_APP_PRELOAD_MAX];
    pab_app_configuration_preload(stage->launch->configuration, others, sizeof(others));
    snprintf(stage->preload + length, sizeof(stage->preload) - (size_t)length, "%s%s",
             others[0] == '\0' ? "" : ":", others);
}

static void set_environment(struct stage *stage)
{
    const struct pab_app_configuration *configuration = stage->launch->configuration;
    uint64_t pad = stage->launch->pad_bytes < PAD_MAX ? stage->launch->pad_bytes : PAD_MAX;
    const char *tunables = getenv("GLIBC_TUNABLES");
    set_preload(stage);
    memset(stage->pad, 'x', pad);
    const struct pab_program_variable variables[] = {
        {"LD_PRELOAD", stage->preload},
        {"PYTHONMALLOC", configuration->python_malloc},
        {"PYTHONDEVMODE", NULL},
        {"PYTHONTRACEMALLOC", NULL},
        {PAB_WITNESS_FILE, stage->witness_path},
        {"PAB_PAD", stage->pad},
        {"GLIBC_TUNABLES", configuration->tunables[0] != '\0' ? configuration->tunables : tunables},
    };
    static_assert(ARRAY_COUNT(variables) < PAB_PROGRAM_VARIABLES_MAX, "the last one ends the list");
    memcpy(stage->program.variables, variables, sizeof(variables));
    stage->program.streams[STDIN_FILENO] = stage->null_fd;
    stage->program.streams[STDOUT_FILENO] = stage->output_fd;
    stage->program.streams[STDERR_FILENO] = stage->errors_fd;
}

/* --- while it runs ---------------------------------------------------------------------------- */

/* Keeps every other point of a full curve, and looks half as often from then on. */
static void thin_out(struct stage *stage)
{
    struct pab_app_attempt *out = stage->out;
    for (size_t i = 0; i < PAB_CURVE_MAX / 2; i++) {
        out->curve[i] = out->curve[2 * i];
    }
    out->curve_count = PAB_CURVE_MAX / 2;
    stage->look_ns *= 2;
}

static void look(struct stage *stage)
{
    struct pab_app_attempt *out = stage->out;
    uint64_t rss = pab_tree_rss_bytes(stage->witness);
    if (rss == 0) {
        return; /* it has not begun yet, or has ended */
    }
    if (out->curve_count == PAB_CURVE_MAX) {
        thin_out(stage);
    }
    out->tree_peak_rss_bytes = rss > out->tree_peak_rss_bytes ? rss : out->tree_peak_rss_bytes;
    out->first_rss_bytes = out->first_rss_bytes == 0 ? rss : out->first_rss_bytes;
    struct pab_curve_point *point = &out->curve[out->curve_count++];
    *point = (struct pab_curve_point){
        /* no .calls: nobody counts them */
        .t_ns = pab_wall_ns() - stage->begun_ns,
        .bytes = rss,
    };
}

/* It was told to end, as we were. Who does not is not waited for. */
static void hurry(struct stage *stage)
{
    if (!stage->is_leaving && pab_program_signal() != 0) {
        uint64_t until_ns = pab_wall_ns() + LEAVE_NS;
        stage->is_leaving = true;
        stage->deadline_ns = until_ns < stage->deadline_ns ? until_ns : stage->deadline_ns;
    }
}

static enum pab_status watch(struct stage *stage, struct pab_error *err)
{
    struct pab_program *program = &stage->program;
    int process = (int)syscall(SYS_pidfd_open, program->pid, 0);
    bool ended = false;
    enum pab_status status = PAB_OK;
    while (status == PAB_OK && !ended) {
        struct pollfd waits = {.fd = process, .events = POLLIN};
        (void)poll(&waits, 1, (int)(stage->look_ns / 1000000u));
        look(stage);
        hurry(stage);
        if (!stage->was_killed && pab_wall_ns() > stage->deadline_ns) {
            stage->was_killed = true;
            (void)kill(program->pid, SIGKILL);
        }
        status = pab_program_wait(program, true, &ended, err);
    }
    if (process >= 0) {
        close(process);
    }
    return status;
}

static uint64_t ns_of(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000u;
}

static void take_usage(struct stage *stage)
{
    struct pab_app_attempt *out = stage->out;
    struct rusage sum = stage->program.usage;
    const struct pab_tree_limits limits = {
        .deadline_ns = stage->deadline_ns,
        .leave_ns = LEAVE_NS,
        .interrupted = stage->launch->interrupted,
    };
    stage->was_killed |= !pab_tree_reap(&limits, &sum);
    out->wall_ns = pab_wall_ns() - stage->begun_ns;
    out->user_ns = ns_of(&sum.ru_utime);
    out->system_ns = ns_of(&sum.ru_stime);
    out->minor_faults = (uint64_t)sum.ru_minflt;
    out->major_faults = (uint64_t)sum.ru_majflt;
    out->exit_code = pab_program_exit_code(&stage->program);
}

/* --- what it printed -------------------------------------------------------------------------- */

static uint64_t hash_result(const struct stage *stage)
{
    XXH3_state_t state;
    char bytes[1 << 14];
    off_t at = 0;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, &stage->out->exit_code, sizeof(stage->out->exit_code));
    while (!stage->launch->ignores_output) {
        ssize_t got = pread(stage->output_fd, bytes, sizeof(bytes), at);
        if (got <= 0) {
            break;
        }
        XXH3_64bits_update(&state, bytes, (size_t)got);
        at += got;
    }
    return XXH3_64bits_digest(&state);
}

/* The last line of what it wrote to stderr, as one line of text. */
static void last_words(const struct stage *stage, char *out, size_t size)
{
    char tail[512];
    off_t end = lseek(stage->errors_fd, 0, SEEK_END);
    off_t from = end > (off_t)sizeof(tail) - 1 ? end - ((off_t)sizeof(tail) - 1) : 0;
    ssize_t got = pread(stage->errors_fd, tail, sizeof(tail) - 1, from);
    size_t length = got > 0 ? (size_t)got : 0;
    while (length > 0 && (unsigned char)tail[length - 1] <= ' ') {
        length--;
    }
    tail[length] = '\0';
    const char *line = memrchr(tail, '\n', length);
    pab_text_clean(line == NULL ? tail : line + 1, false, out, size);
}

/* --- is it to be believed --------------------------------------------------------------------- */

/* The last image of the program's own process: an exec begins another. */
static const struct pab_witness_process *own_place(const struct stage *stage, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        if (stage->witness->processes[i].pid == stage->program.pid) {
            return &stage->witness->processes[i];
        }
    }
    return NULL;
}

static const char *served_by(uint32_t python)
{
    return python == PAB_WITNESS_MALLOC ? "malloc" : "its own pools";
}

/* Adds what one process told, and holds it against what was asked for. */
static void hear(struct stage *stage, const struct pab_witness_process *process)
{
    struct pab_app_attempt *out = stage->out;
    const struct pab_app_configuration *wanted = stage->launch->configuration;
    bool ended = atomic_load(&process->state) == PAB_WITNESS_ENDED;
    if (out->malloc_path[0] == '\0') {
        memcpy(out->malloc_path, process->malloc_path, sizeof(out->malloc_path));
    }
    if (out->python[0] == '\0' && process->version[0] != '\0') {
        memcpy(out->python, process->version, sizeof(out->python));
        out->served = process->python;
    }
    if (ended && process->peak_rss_bytes > out->peak_rss_bytes) {
        out->peak_rss_bytes = process->peak_rss_bytes;
    }
    if (process->malloc_inode != wanted->inode || process->malloc_device != wanted->device) {
        fail(out, "identity", "the malloc of its process %d lies in %s%s%s", process->pid,
             process->malloc_path, wanted->preload[0] == '\0' ? "" : ", not in ", wanted->preload);
    } else if (ended && process->python != PAB_WITNESS_NO_PYTHON &&
               process->python != (uint32_t)wanted->python) {
        fail(out, "identity",
             "objects of its Python %s were served by %s: does it set PYTHONMALLOC or -X dev "
             "itself, does it leave the environment out (-E, -I), is it older than 3.6?",
             process->version, served_by(process->python));
    }
}

static void judge_witness(struct stage *stage)
{
    struct pab_app_attempt *out = stage->out;
    uint32_t count = atomic_load(&stage->witness->count);
    out->processes = count;
    count = count < PAB_WITNESS_PROCESSES ? count : PAB_WITNESS_PROCESSES;
    for (uint32_t i = 0; i < count && out->ok; i++) {
        hear(stage, &stage->witness->processes[i]);
    }
    const struct pab_witness_process *own = own_place(stage, count);
    if (!out->ok) {
        return;
    }
    if (own == NULL) {
        fail(out, "identity",
             "the loader did not preload our library: it or what it execs sets LD_PRELOAD itself, "
             "is linked statically, or set-uid");
    } else if (atomic_load(&own->state) != PAB_WITNESS_ENDED) {
        fail(out, "identity",
             "it ended without running its destructors, or became another program that sets "
             "LD_PRELOAD itself: nobody saw which allocator it had");
    }
}

static void judge(struct stage *stage)
{
    struct pab_app_attempt *out = stage->out;
    int status = stage->program.wait_status;
    last_words(stage, out->said, sizeof(out->said));
    const char *said = out->said[0] == '\0' ? "" : "; it said: ";
    out->ok = true;
    out->interrupt = pab_program_signal();
    if (out->interrupt == 0 && stage->launch->interrupted != NULL) {
        out->interrupt = *stage->launch->interrupted; /* it came after the program's own end */
    }
    if (stage->was_killed) {
        fail(out, "timeout", "no end within the time-out%s%s", said, out->said);
    } else if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        fail(out, "crashed", "killed by signal %d (%s)%s%s", number, strsignal(number), said,
             out->said);
    } else {
        judge_witness(stage);
    }
    out->result = hash_result(stage);
}

enum pab_status pab_app_attempt_make(const struct pab_app_launch *launch,
                                     struct pab_app_attempt *out, struct pab_error *err)
{
    struct stage stage = {
        .launch = launch,
        .out = out,
        .program = *launch->program,
        .witness_fd = -1,
        .output_fd = -1,
        .errors_fd = -1,
        .null_fd = -1,
        .look_ns = LOOK_NS,
    };
    memset(out, 0, sizeof(*out));
    enum pab_status status = open_stage(&stage, err);
    if (status == PAB_OK) {
        set_environment(&stage);
        stage.begun_ns = pab_wall_ns();
        stage.deadline_ns = stage.begun_ns + (uint64_t)(launch->timeout_s * 1e9);
        status = pab_program_start(&stage.program, err);
    }
    if (status == PAB_OK) {
        status = watch(&stage, err);
        take_usage(&stage);
    }
    if (status == PAB_OK) {
        judge(&stage);
    }
    close_stage(&stage);
    return status;
}
