#include "harness/recorder/process.h"

#include "harness/host.h"
#include "harness/output.h"
#include "harness/recorder/pids.h"
#include "harness/self.h"
#include "harness/version.h"

#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FLUSH_NS 1000000000u /* a killed recorder loses no more than that */

/* --- forks ------------------------------------------------------------------------------------ */

static void on_fork(struct pab_tape *tape, uint32_t number, void *arg)
{
    struct pab_process *process = arg;
    struct pab_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL || !pab_addresses_copy(&tape->names, &snapshot->names)) {
        free(snapshot); /* the child is an orphan */
        return;
    }
    char text[64];
    snprintf(text, sizeof(text), "{\"fork\": %u}", number);
    (void)pab_trace_note(tape->writer, PAB_TRACE_FORK, text, NULL);
    snapshot->parent_begun_ns = process->begun_ns;
    snapshot->taken_ns = process->follow->seen_ns;
    snapshot->number = number;
    memcpy(snapshot->file, process->file, sizeof(snapshot->file));
    snapshot->next = process->follow->snapshots;
    process->follow->snapshots = snapshot;
}

struct pab_snapshot *pab_snapshot_take(struct pab_follow *follow, uint64_t parent_begun_ns,
                                       uint32_t number)
{
    for (struct pab_snapshot **at = &follow->snapshots; *at != NULL; at = &(*at)->next) {
        struct pab_snapshot *snapshot = *at;
        if (snapshot->parent_begun_ns == parent_begun_ns && snapshot->number == number) {
            *at = snapshot->next;
            return snapshot;
        }
    }
    return NULL;
}

void pab_snapshots_drop(struct pab_follow *follow, uint64_t taken_before_ns)
{
    struct pab_snapshot **at = &follow->snapshots;
    while (*at != NULL) {
        struct pab_snapshot *snapshot = *at;
        if (snapshot->taken_ns < taken_before_ns) {
            *at = snapshot->next;
            pab_addresses_fini(&snapshot->names);
            free(snapshot);
        } else {
            at = &snapshot->next;
        }
    }
}

/* --- the file --------------------------------------------------------------------------------- */

/* app.pabtrace, app.2.pabtrace, app.3.pabtrace */
static void name_file(const char *out, unsigned number, char file[PATH_MAX])
{
    static const char suffix[] = ".pabtrace";
    size_t stem = strlen(out);
    if (number == 1) {
        snprintf(file, PATH_MAX, "%s", out);
        return;
    }
    if (stem > strlen(suffix) && strcmp(out + stem - strlen(suffix), suffix) == 0) {
        stem -= strlen(suffix);
    }
    snprintf(file, PATH_MAX, "%.*s.%u%s", (int)stem, out, number, out + stem);
}

/* A file of the user's under one of our names: the program runs by now, so this is no usage error
 * but a file that cannot be written. */
static enum pab_status expect_own(const char *file, struct pab_error *err)
{
    enum pab_status status = pab_output_expect_own("-o", file, PAB_TRACE_MAGIC, err);
    return status == PAB_OK ? PAB_OK : (err->status = PAB_IO);
}

/* NULL: there is none. */
static struct pab_recorded *find_wrapper(const struct pab_follow *follow)
{
    for (size_t i = 0; i < follow->recorded_count; i++) {
        struct pab_recorded *wrapper = &follow->recorded[i];
        if (wrapper->number == 1 && wrapper->pid == follow->root_pid) {
            return wrapper;
        }
    }
    return NULL;
}

/* A program may be begun by wrappers that become it by exec: the last has the first name. */
static enum pab_status take_first_name(struct pab_follow *follow, bool *taken,
                                       struct pab_error *err)
{
    struct pab_recorded *wrapper = find_wrapper(follow);
    char file[PATH_MAX];
    *taken = false;
    if (wrapper == NULL) {
        return PAB_OK;
    }
    name_file(follow->out, follow->files + 1, file);
    enum pab_status status = expect_own(file, err);
    if (status == PAB_OK && rename(wrapper->file, file) == 0) {
        memcpy(wrapper->file, file, sizeof(file));
        wrapper->number = ++follow->files;
        *taken = true;
    }
    return status;
}

static enum pab_status choose_file(struct pab_process *process, struct pab_error *err)
{
    struct pab_follow *follow = process->follow;
    bool first = false;
    enum pab_status status = PAB_OK;
    if (process->pid == follow->root_pid) {
        status = take_first_name(follow, &first, err);
    }
    if (status != PAB_OK) {
        return status;
    }
    process->number = first ? 1 : ++follow->files;
    name_file(follow->out, process->number, process->file);
    status = expect_own(process->file, err);
    if (status != PAB_OK) {
        process->file[0] = '\0'; /* that one is not ours */
    }
    return status;
}

/* JSON must be UTF-8, and a command line need not be. */
static json_t *text_of(const char *text)
{
    char clean[256];
    size_t used = 0;
    for (; *text != '\0' && used + 1 < sizeof(clean); text++) {
        clean[used++] = (char)((unsigned char)*text < 0x80 ? *text : '?');
    }
    clean[used] = '\0';
    json_t *value = json_string(text - used);
    return value != NULL ? value : json_string(clean);
}

static char *tell_meta(const struct pab_process *process)
{
    const struct pab_ring *ring = process->tape.ring;
    char now[64];
    struct utsname system = {0};
    (void)uname(&system);
    pab_host_utc(now, sizeof(now));
    json_t *meta =
        json_pack("{s:o, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "command",
                  text_of(ring->command), "python", ring->python, "mode",
                  ring->mode == PAB_RING_OF_PYTHON ? "python" : "malloc", "pid", process->pid,
                  "parent_pid", (int)ring->parent, "recorded", now, "machine", system.machine,
                  "system", system.sysname, "release", system.release, "libc_of_recorder",
                  gnu_get_libc_version(), "recorder", PAB_VERSION, "fork", (int)ring->fork_number);
    if (meta != NULL && process->from[0] != '\0') {
        const char *slash = strrchr(process->from, '/');
        json_object_set_new(meta, "forked_from",
                            text_of(slash != NULL ? slash + 1 : process->from));
    }
    char *text = meta != NULL ? json_dumps(meta, JSON_COMPACT) : NULL;
    json_decref(meta);
    return text;
}

static enum pab_status on_first(struct pab_tape *tape, void *arg, struct pab_error *err)
{
    struct pab_process *process = arg;
    enum pab_status status = choose_file(process, err);
    if (status != PAB_OK) {
        return status;
    }
    char *meta = tell_meta(process);
    if (meta == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for the head of a trace");
    }
    status = pab_trace_create(process->file, meta, &tape->writer, err);
    free(meta);
    return status;
}

static const char *end_of(const struct pab_ring *ring)
{
    uint32_t ended = atomic_load(&ring->ended);
    return ended == 1 ? "exit" : ended == 2 ? "_exit" : "killed, or exec, or still running";
}

static char *tell_totals(const struct pab_process *process, const char *damage)
{
    const struct pab_tape_counts *counts = &process->tape.counts;
    struct pab_ring *ring = process->tape.ring;
    json_t *totals = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "end", end_of(ring), "refused",
        (json_int_t)counts->refused, "unknown_frees", (json_int_t)counts->unknown_frees,
        "missed_frees", (json_int_t)counts->missed_frees, "torn", (json_int_t)counts->torn,
        "inherited", (json_int_t)counts->inherited, "waits", (json_int_t)atomic_load(&ring->waits),
        "unseen_programs", (json_int_t)atomic_load(&ring->unseen));
    if (totals != NULL && damage != NULL) {
        json_object_set_new(totals, "damage", text_of(damage));
    }
    char *text = totals != NULL ? json_dumps(totals, JSON_COMPACT) : NULL;
    json_decref(totals);
    return text;
}

/* --- the process ------------------------------------------------------------------------------ */

static enum pab_status adopt(struct pab_process *process, struct pab_error *err)
{
    struct pab_ring *ring = process->tape.ring;
    if (atomic_load_explicit(&ring->format, memory_order_acquire) != PAB_RING_FORMAT) {
        return pab_fail(err, PAB_BAD_DATA, "a ring is not complete");
    }
    ring->command[sizeof(ring->command) - 1] = '\0';
    ring->python[sizeof(ring->python) - 1] = '\0';
    process->pid = pab_pid_here(ring->pid_space, ring->pid);
    process->begun_ns = ring->begun_ns;
    process->pid_fd = process->pid > 0 ? (int)syscall(SYS_pidfd_open, process->pid, 0) : -1;
    process->has_clock =
        process->pid > 0 && clock_getcpuclockid(process->pid, &process->clock) == 0;
    process->flushed_ns = process->begun_ns;
    return PAB_OK;
}

enum pab_status pab_process_open(struct pab_follow *follow, const char *name,
                                 struct pab_process **out, struct pab_error *err)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", follow->dir, name);
    struct pab_process *process = calloc(1, sizeof(*process));
    if (process == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for one more process");
    }
    process->follow = follow;
    process->tape.on_fork = on_fork;
    process->tape.on_first = on_first;
    process->tape.arg = process;
    process->pid_fd = -1;
    snprintf(process->name, sizeof(process->name), "%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    enum pab_status status = fd < 0 ? pab_fail(err, PAB_IO, "%s: %s", path, strerror(errno))
                                    : pab_tape_open(&process->tape, fd, err);
    if (fd >= 0) {
        close(fd);
    }
    status = status == PAB_OK ? adopt(process, err) : status;
    if (status != PAB_OK) {
        if (process->tape.ring != NULL) {
            munmap(process->tape.ring, PAB_RING_BYTES);
        }
        free(process);
        return status;
    }
    *out = process;
    return PAB_OK;
}

static void read_clock(struct pab_process *process)
{
    struct timespec now;
    if (process->has_clock && clock_gettime(process->clock, &now) == 0) {
        process->cpu_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
}

enum pab_status pab_process_read(struct pab_process *process, bool is_over, size_t most,
                                 size_t *count, struct pab_error *err)
{
    struct pab_tape *tape = &process->tape;
    uint64_t now_ns = pab_wall_ns();
    enum pab_status status = pab_tape_read(tape, is_over, most, count, err);
    if (status != PAB_OK || *count == 0 || tape->writer == NULL) {
        return status;
    }
    read_clock(process);
    uint64_t wall_ns = now_ns > process->begun_ns ? now_ns - process->begun_ns : 0;
    if (now_ns - process->flushed_ns < FLUSH_NS) {
        pab_trace_tick(tape->writer, wall_ns, process->cpu_ns);
        return PAB_OK;
    }
    process->flushed_ns = now_ns;
    return pab_trace_flush(tape->writer, wall_ns, process->cpu_ns, err);
}

static void tell(const struct pab_process *process, const char *damage, struct pab_recorded *out)
{
    struct pab_ring *ring = process->tape.ring;
    *out = (struct pab_recorded){
        .pid = process->pid,
        .number = process->number,
        .counts = process->tape.counts,
        .waits = atomic_load(&ring->waits),
        .threads = atomic_load(&ring->threads),
        .unseen = atomic_load(&ring->unseen),
        .handed_on = atomic_load(&ring->handed_on),
    };
    memcpy(out->file, process->file, sizeof(out->file));
    memcpy(out->command, ring->command, sizeof(out->command));
    memcpy(out->python, ring->python, sizeof(out->python));
    snprintf(out->damage, sizeof(out->damage), "%.199s", damage != NULL ? damage : "");
}

enum pab_status pab_process_close(struct pab_process *process, const char *damage,
                                  struct pab_recorded *out, struct pab_error *err)
{
    char path[512];
    enum pab_status closed = PAB_OK;
    struct pab_tape *tape = &process->tape;
    if (tape->writer != NULL) {
        char *totals = tell_totals(process, damage);
        closed = pab_trace_finish(tape->writer, totals != NULL ? totals : "{}", err);
        free(totals);
        if (closed != PAB_OK && damage == NULL) {
            damage = err->text;
        }
    }
    tell(process, damage, out);
    struct stat status;
    if (out->file[0] != '\0' && stat(out->file, &status) == 0) {
        out->bytes = (uint64_t)status.st_size;
    }
    snprintf(path, sizeof(path), "%s/%s", process->follow->dir, process->name);
    (void)unlink(path);
    pab_tape_close(tape);
    if (process->pid_fd >= 0) {
        close(process->pid_fd);
    }
    free(process);
    return closed;
}
