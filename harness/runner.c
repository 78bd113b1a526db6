#include "harness/runner.h"

#include "harness/self.h"
#include "harness/spawn.h"
#include "harness/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENV_SETS_MAX    4
#define LINGER_SLACK_MS 30000 /* how much longer than its waits a lingering worker may take */
#define END_SLACK_MS    1000  /* between a worker's last word and its end */
#define ABSENCE_MS      500   /* later than this after it was due, a look was kept from us */
#define OUTPUT_TAIL     2048
/* At a time; enough for all that a pipe holds. One that never stops talking must not keep us from
 * its deadline and from the others. */
#define READS_MAX 64

struct pab_worker {
    pid_t pid;            /* 0 once it is reaped */
    int messages, output; /* our ends of its pipes; -1 once closed */
    int process;          /* a pidfd: readable when it has ended; -1 where there is none */
    enum pab_job_kind kind;
    const struct pab_pass *pass;
    enum pab_worker_state state;
    uint64_t deadline_ns;
    uint64_t looked_ns; /* when we looked last */
    uint64_t linger_ms;
    bool timed_out, done, lied; /* lied: what came cannot be a worker's message */
    unsigned heard;             /* 1 << type of every message that came */
    char stage[PAB_NAME_MAX];
    char backend[PAB_SPEC_MAX];
    char tail[OUTPUT_TAIL]; /* the last of what it printed */
    size_t tail_used;
    unsigned char *buffer; /* of a message that is not complete yet */
    size_t buffer_used;
    struct pab_outcome outcome;
};

/* --- starting ------------------------------------------------------------------------------- */

struct pipes {
    int job[2], message[2], output[2];
};

static void close_pipes(struct pipes *pipes)
{
    int *ends[] = {pipes->job, pipes->message, pipes->output};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        for (int side = 0; side < 2; side++) {
            if (ends[i][side] >= 0) {
                close(ends[i][side]);
                ends[i][side] = -1;
            }
        }
    }
}

static void close_end(int *end)
{
    close(*end);
    *end = -1;
}

/* Out of the way of the numbers that the worker's own will have. */
static bool lift(int *end)
{
    if (*end <= PAB_SPAWN_FD_LAST) {
        int lifted = fcntl(*end, F_DUPFD_CLOEXEC, PAB_SPAWN_FD_LAST + 1);
        close(*end);
        *end = lifted;
    }
    return *end >= 0;
}

static enum pab_status open_pipes(struct pipes *pipes, struct pab_error *err)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(pipes->job, O_CLOEXEC) != 0 || pipe2(pipes->message, O_CLOEXEC) != 0 ||
        pipe2(pipes->output, O_CLOEXEC) != 0 || !lift(&pipes->job[0]) ||
        !lift(&pipes->message[1]) || !lift(&pipes->output[1])) {
        enum pab_status status = pab_fail(err, PAB_IO, "no pipe for a worker: %s", strerror(errno));
        close_pipes(pipes);
        return status;
    }
    return PAB_OK;
}

static struct pab_worker *worker_create(const struct pab_launch *launch)
{
    struct pab_worker *worker = calloc(1, sizeof(*worker));
    PAB_CHECK(worker != NULL);
    worker->buffer = malloc(PAB_PAYLOAD_MAX + sizeof(struct pab_message));
    worker->outcome.curve = calloc(PAB_CURVE_MAX, sizeof(*worker->outcome.curve));
    PAB_CHECK(worker->buffer != NULL && worker->outcome.curve != NULL);
    worker->looked_ns = pab_wall_ns();
    worker->deadline_ns = worker->looked_ns + launch->timeout_ms * 1000000u;
    for (uint32_t i = 0; i < launch->job->retain_count; i++) {
        worker->linger_ms = launch->job->retain_ms[i];
    }
    worker->kind = launch->job->kind;
    worker->pass = launch->pass;
    snprintf(worker->stage, sizeof(worker->stage), "starting");
    snprintf(worker->backend, sizeof(worker->backend), "%s", launch->spec->id);
    return worker;
}

enum pab_status pab_worker_start(const struct pab_launch *launch, struct pab_worker **out,
                                 struct pab_error *err)
{
    struct pipes pipes;
    enum pab_status status = open_pipes(&pipes, err);
    if (status != PAB_OK) {
        return status;
    }
    struct pab_spawn_ends ends = {pipes.job[0], pipes.message[1], pipes.output[1]};
    struct pab_spawned spawned = {0};
    status = pab_spawn_worker(launch, &ends, &spawned, err);
    if (status != PAB_OK) {
        close_pipes(&pipes);
        return status;
    }
    struct pab_worker *worker = worker_create(launch);
    worker->pid = spawned.pid;
    worker->outcome.is_still = spawned.is_still;
    worker->messages = pipes.message[0];
    worker->output = pipes.output[0];
    worker->process = (int)syscall(SYS_pidfd_open, worker->pid, 0);
    fcntl(worker->messages, F_SETFL, O_NONBLOCK);
    fcntl(worker->output, F_SETFL, O_NONBLOCK);
    close_end(&pipes.message[1]);
    close_end(&pipes.output[1]);
    static_assert(sizeof(*launch->job) <= PIPE_BUF, "a job is read in one piece");
    /* Smaller than a pipe's buffer, and a reading end is still open here: this can neither block
     * nor raise SIGPIPE, whatever became of the worker. */
    (void)!write(pipes.job[1], launch->job, sizeof(*launch->job));
    close_end(&pipes.job[0]);
    close_end(&pipes.job[1]);
    *out = worker;
    return PAB_OK;
}

/* --- listening ------------------------------------------------------------------------------ */

/* From its first LINGER on, a worker has as long as its waits take. */
static void begin_to_linger(struct pab_worker *worker)
{
    if (worker->state == PAB_WORKER_RUNNING) {
        worker->state = PAB_WORKER_LINGERING;
        worker->deadline_ns = pab_wall_ns() + (worker->linger_ms + LINGER_SLACK_MS) * 1000000u;
    }
}

static void handle_message(struct pab_worker *worker, const struct pab_message *header,
                           const unsigned char *payload)
{
    char stage[PAB_NAME_MAX + 1] = "";
    worker->heard |= 1u << header->type;
    switch ((enum pab_message_type)header->type) {
    case PAB_MESSAGE_STAGE:
        memcpy(stage, payload, header->bytes);
        pab_text_clean(stage, false, worker->stage, sizeof(worker->stage));
        break;
    case PAB_MESSAGE_LINGER:
        begin_to_linger(worker);
        break;
    case PAB_MESSAGE_DONE:
        worker->done = true;
        worker->deadline_ns = pab_wall_ns() + (uint64_t)END_SLACK_MS * 1000000u;
        break;
    default:
        worker->lied |= !pab_outcome_take(&worker->outcome, header, payload);
        break;
    }
}

/* Takes whole messages from the front of the buffer. After one that cannot be a worker's, nothing
 * that follows can be read any more. */
static void handle_buffer(struct pab_worker *worker)
{
    size_t at = 0;
    struct pab_message header;
    while (!worker->lied && worker->buffer_used - at >= sizeof(header)) {
        memcpy(&header, worker->buffer + at, sizeof(header));
        if (!pab_message_is_sound(&header)) {
            worker->lied = true;
            break;
        }
        if (worker->buffer_used - at < sizeof(header) + header.bytes) {
            break;
        }
        handle_message(worker, &header, worker->buffer + at + sizeof(header));
        at += sizeof(header) + header.bytes;
    }
    worker->buffer_used -= at;
    memmove(worker->buffer, worker->buffer + at, worker->buffer_used);
    if (worker->lied) {
        close_end(&worker->messages);
        worker->deadline_ns = 0;
    }
}

static void read_messages(struct pab_worker *worker)
{
    size_t capacity = PAB_PAYLOAD_MAX + sizeof(struct pab_message);
    for (int i = 0; i < READS_MAX && worker->messages >= 0; i++) {
        ssize_t got = read(worker->messages, worker->buffer + worker->buffer_used,
                           capacity - worker->buffer_used);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            close_end(&worker->messages);
            return;
        }
        worker->buffer_used += (size_t)got;
        handle_buffer(worker);
    }
}

static void read_output(struct pab_worker *worker)
{
    char chunk[OUTPUT_TAIL];
    for (int i = 0; i < READS_MAX && worker->output >= 0; i++) {
        ssize_t got = read(worker->output, chunk, sizeof(chunk));
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            close_end(&worker->output);
            return;
        }
        size_t bytes = (size_t)got;
        size_t excess =
            worker->tail_used + bytes > OUTPUT_TAIL ? worker->tail_used + bytes - OUTPUT_TAIL : 0;
        memmove(worker->tail, worker->tail + excess, worker->tail_used - excess);
        worker->tail_used -= excess;
        memcpy(worker->tail + worker->tail_used, chunk, bytes);
        worker->tail_used += bytes;
    }
}

/* --- ending --------------------------------------------------------------------------------- */

/* The last line that a failed worker printed, without what would break a message of one line. */
static void last_line(const struct pab_worker *worker, char *out, size_t size)
{
    size_t end = worker->tail_used;
    while (end > 0 && (unsigned char)worker->tail[end - 1] <= ' ') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && worker->tail[begin - 1] != '\n') {
        begin--;
    }
    size_t used = 0;
    for (; begin < end && used + 1 < size; begin++) {
        unsigned char c = (unsigned char)worker->tail[begin];
        out[used++] = (char)(c < ' ' || c > '~' ? '?' : c);
    }
    out[used] = '\0';
}

static void fail(struct pab_worker *worker, const char *kind, const char *what)
{
    struct pab_outcome *out = &worker->outcome;
    last_line(worker, out->said, sizeof(out->said));
    snprintf(out->kind, sizeof(out->kind), "%s", kind);
    snprintf(out->stage, sizeof(out->stage), "%s", worker->stage);
    snprintf(out->message, sizeof(out->message), "%s while %s%s%s", what, worker->stage,
             out->said[0] == '\0' ? "" : "; it said: ", out->said);
}

/* The message without which DONE is not to be believed. */
static enum pab_message_type result_of(const struct pab_worker *worker)
{
    switch (worker->kind) {
    case PAB_JOB_MANIFEST:
        return PAB_MESSAGE_MANIFEST;
    case PAB_JOB_CHECK:
        return PAB_MESSAGE_VERDICT;
    case PAB_JOB_DEMAND:
        return PAB_MESSAGE_DEMAND;
    case PAB_JOB_PASS:
        return worker->pass->result;
    default:
        return PAB_MESSAGE_OPENED;
    }
}

static void classify(struct pab_worker *worker, int status)
{
    struct pab_outcome *out = &worker->outcome;
    char what[128];
    if (WIFSIGNALED(status)) {
        out->signal = WTERMSIG(status);
        snprintf(what, sizeof(what), "killed by signal %d (%s)", out->signal,
                 strsignal(out->signal));
    } else {
        out->exit_code = WEXITSTATUS(status);
        snprintf(what, sizeof(what), "ended early with status %d", out->exit_code);
    }
    if (worker->lied) {
        out->signal = 0; /* of the worker's end, which was our doing */
        fail(worker, "crashed", "something else wrote into the worker's own channel");
    } else if (worker->done && (worker->heard >> result_of(worker) & 1u) != 0) {
        out->ok = true;
        out->signal = 0; /* one that came after its last word is none of the cell's */
    } else if (worker->timed_out) {
        fail(worker, "timeout", "no end within the time-out");
    } else if (out->kind[0] == '\0') {
        bool is_silent = worker->kind == PAB_JOB_CHECK && out->signal == 0 && out->exit_code == 0;
        fail(worker, is_silent ? "silent" : "crashed", what);
    }
}

static void kill_worker(const struct pab_worker *worker)
{
    kill(-worker->pid, SIGKILL); /* whatever it may have forked, too */
    kill(worker->pid, SIGKILL);
}

/* True once the process is gone and its outcome known. A descendant that holds the pipes open
 * does not keep us: what is in them now is read, no more is waited for. */
static bool try_reap(struct pab_worker *worker, bool wait)
{
    siginfo_t info = {0};
    int options = WEXITED | WNOWAIT | (wait ? 0 : WNOHANG);
    while (waitid(P_PID, (id_t)worker->pid, &info, options) != 0 && errno == EINTR) {
    }
    if (info.si_pid == 0) {
        return false;
    }
    kill_worker(worker); /* its group, while the dead leader still holds the number */
    int status = 0;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
    }
    worker->pid = 0;
    read_messages(worker);
    read_output(worker);
    classify(worker, status);
    worker->state = PAB_WORKER_ENDED;
    return true;
}

/* Where a look comes much too late, we were stopped (Ctrl-Z) or found no CPU, and the worker most
 * likely with us: none of that counts against it. */
static void forgive_absence(struct pab_worker *worker, int wait_ms)
{
    uint64_t now_ns = pab_wall_ns();
    uint64_t due_ns = worker->looked_ns + (uint64_t)wait_ms * 1000000u;
    if (now_ns > due_ns + (uint64_t)ABSENCE_MS * 1000000u) {
        worker->deadline_ns += now_ns - due_ns;
    }
    worker->looked_ns = now_ns;
}

static void check_deadline(struct pab_worker *worker)
{
    if (worker->pid != 0 && !worker->timed_out && pab_wall_ns() > worker->deadline_ns) {
        worker->timed_out = true;
        kill_worker(worker);
    }
}

void pab_workers_poll(struct pab_worker **workers, size_t count, int wait_ms)
{
    struct pollfd fds[3 * PAB_WORKERS_MAX];
    PAB_CHECK(count <= PAB_WORKERS_MAX);
    for (size_t i = 0; i < count; i++) {
        fds[3 * i] = (struct pollfd){.fd = workers[i]->messages, .events = POLLIN};
        fds[3 * i + 1] = (struct pollfd){.fd = workers[i]->output, .events = POLLIN};
        fds[3 * i + 2] = (struct pollfd){.fd = workers[i]->process, .events = POLLIN};
    }
    if (poll(fds, 3 * count, wait_ms) < 0) {
        return; /* EINTR: the caller looks at its flags */
    }
    for (size_t i = 0; i < count; i++) {
        struct pab_worker *worker = workers[i];
        if (worker->state != PAB_WORKER_ENDED) {
            forgive_absence(worker, wait_ms);
            read_messages(worker);
            read_output(worker);
            check_deadline(worker);
            (void)try_reap(worker, false);
        }
    }
}

enum pab_worker_state pab_worker_state(const struct pab_worker *worker)
{
    return worker->state;
}

const char *pab_worker_stage(const struct pab_worker *worker)
{
    return worker->stage;
}

const struct pab_outcome *pab_worker_outcome(const struct pab_worker *worker)
{
    PAB_CHECK(worker->state == PAB_WORKER_ENDED);
    return &worker->outcome;
}

bool pab_worker_has_measured(const struct pab_worker *worker)
{
    return worker->state == PAB_WORKER_LINGERING && !worker->lied &&
           (worker->heard >> PAB_MESSAGE_MEMORY & 1u) != 0;
}

const struct pab_outcome *pab_worker_cut_short(struct pab_worker *worker)
{
    PAB_CHECK(pab_worker_has_measured(worker));
    worker->outcome.ok = true;
    return &worker->outcome;
}

void pab_worker_destroy(struct pab_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->pid != 0) {
        kill_worker(worker);
        (void)try_reap(worker, true);
    }
    int *ends[] = {&worker->messages, &worker->output, &worker->process};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        if (*ends[i] >= 0) {
            close_end(ends[i]);
        }
    }
    free(worker->outcome.curve);
    free(worker->outcome.series);
    free(worker->buffer);
    free(worker);
}

enum pab_status pab_worker_run(const struct pab_launch *launch, const volatile int *interrupted,
                               struct pab_worker **out, struct pab_error *err)
{
    enum pab_status status = pab_worker_start(launch, out, err);
    while (status == PAB_OK && pab_worker_state(*out) != PAB_WORKER_ENDED) {
        if (interrupted != NULL && *interrupted != 0) {
            kill_worker(*out);
        }
        pab_workers_poll(out, 1, 100);
    }
    return status;
}

enum pab_status pab_worker_probe(const struct pab_spec *spec, struct pab_worker **out,
                                 struct pab_error *err)
{
    struct pab_job job = {.protocol = PAB_PROTOCOL, .kind = PAB_JOB_PROBE};
    snprintf(job.backend, sizeof(job.backend), "%s", spec->id);
    struct pab_launch launch = {.spec = spec, .job = &job, .timeout_ms = PAB_PROBE_TIMEOUT_MS};
    return pab_worker_run(&launch, NULL, out, err);
}
