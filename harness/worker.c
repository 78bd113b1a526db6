/* harness/worker.c -- one job in a process of its own: open, prove, then the pass. */
#include "harness/collector.h"
#include "harness/job.h"
#include "harness/pass.h"
#include "harness/room.h"
#include "harness/runtime.h"
#include "harness/self.h"
#include "workloads/support/inputs.h"
#include "workloads/trace/replay.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    struct pab_heap heap;
    struct pab_spec *spec;
    struct pab_inputs inputs;
    struct pab_job job;
    const struct pab_pass *pass; /* of the job, if it is one */
} worker;

/* In one piece where the pipe has room: each piece wakes the parent, on a CPU that is measured. */
void pab_worker_send(enum pab_message_type type, const void *payload, size_t bytes)
{
    struct pab_message header = {(uint32_t)type, (uint32_t)bytes};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)(uintptr_t)payload, bytes}};
    int count = bytes > 0 ? 2 : 1;
    size_t size = sizeof(header) + bytes;
    while (size > 0) {
        ssize_t wrote = writev(PAB_MESSAGE_FD, parts, count);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            _exit(1); /* the parent is gone: there is nobody to tell */
        }
        size -= (size_t)wrote;
        for (int i = 0; i < count; i++) {
            size_t done = (size_t)wrote < parts[i].iov_len ? (size_t)wrote : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + done;
            parts[i].iov_len -= done;
            wrote -= (ssize_t)done;
        }
    }
}

void pab_worker_refuse(const char *kind, const struct pab_error *err)
{
    struct pab_refusal refusal = {.error = *err};
    snprintf(refusal.kind, sizeof(refusal.kind), "%s", kind);
    pab_worker_send(PAB_MESSAGE_REFUSED, &refusal, sizeof(refusal));
    _exit(0);
}

void pab_worker_figure(const char *name, double value)
{
    struct pab_figure_note note = {.value = value};
    snprintf(note.name, sizeof(note.name), "%s", name);
    pab_worker_send(PAB_MESSAGE_FIGURE, &note, sizeof(note));
}

void pab_worker_series(const char *name, const uint64_t *values, size_t count)
{
    static struct pab_series_note note;
    PAB_CHECK(count <= PAB_SERIES_MAX);
    memset(&note, 0, sizeof(note));
    snprintf(note.name, sizeof(note.name), "%s", name);
    note.count = count;
    memcpy(note.values, values, count * sizeof(*values));
    pab_worker_send(PAB_MESSAGE_SERIES, &note,
                    offsetof(struct pab_series_note, values) + count * sizeof(*values));
}

void pab_worker_body(const struct pab_run *run, uint64_t request_hash)
{
    struct pab_body_note note = {
        .op_count = run->op_count, .checksum = run->checksum, .request_hash = request_hash};
    pab_worker_send(PAB_MESSAGE_BODY, &note, sizeof(note));
}

void pab_worker_expect_alike(uint64_t first_checksum, uint64_t later_checksum)
{
    struct pab_error err;
    if (later_checksum != first_checksum) {
        pab_fail(&err, PAB_BAD_DATA,
                 "a later body has checksum %016llx, the first one %016llx: the allocator lost or "
                 "mixed up bytes",
                 (unsigned long long)later_checksum, (unsigned long long)first_checksum);
        pab_worker_refuse("checksum", &err);
    }
}

static void stage(const char *what)
{
    pab_worker_send(PAB_MESSAGE_STAGE, what, strlen(what) + 1);
}

static const char *refusal_kind(enum pab_status status)
{
    switch (status) {
    case PAB_UNAVAILABLE:
        return "unavailable";
    case PAB_IDENTITY:
        return "identity";
    default:
        return "internal";
    }
}

static void expect_ok(enum pab_status status, const struct pab_error *err)
{
    if (status != PAB_OK) {
        pab_worker_refuse(refusal_kind(status), err);
    }
}

/* workloads' way out when the backend gives NULL. */
__attribute__((noreturn)) static void out_of_memory(void)
{
    struct pab_error err;
    pab_fail(&err, PAB_NO_MEMORY, "the allocator gave NULL to %s", worker.job.subject);
    pab_worker_refuse("oom", &err);
}

/* Checks look at a library that lacks functions, too; nothing else does. */
static bool is_for_checks(enum pab_job_kind kind)
{
    return kind == PAB_JOB_MANIFEST || kind == PAB_JOB_ADMIT || kind == PAB_JOB_CHECK;
}

static void open_heap(struct pab_error *err)
{
    struct pab_opened opened;
    memset(&opened, 0, sizeof(opened));
    opened.start_rss_bytes = pab_rss_bytes();
    expect_ok(pab_spec_parse(worker.job.backend, &worker.spec, err), err);
    stage("loading");
    expect_ok(pab_heap_open(&worker.heap, worker.spec, err), err);
    if (!is_for_checks(worker.job.kind)) {
        expect_ok(pab_heap_expect_whole(&worker.heap, err), err);
    }
    stage("proving its identity");
    expect_ok(pab_heap_identify(&worker.heap, &opened.identity, err), err);
    if (worker.heap.raw != NULL) {
        expect_ok(pab_heap_identify(worker.heap.raw, &opened.raw, err), err);
    }
    struct pab_gc_options options = pab_gc_options_of(worker.spec);
    expect_ok(pab_runtime_prepare(&worker.heap, &options, out_of_memory, err), err);
    pab_worker_send(PAB_MESSAGE_OPENED, &opened, sizeof(opened));
}

static const struct pab_check *find_check(const char *id)
{
    for (size_t i = 0; i < pab_check_count(); i++) {
        if (strcmp(pab_check_at(i)->id, id) == 0) {
            return pab_check_at(i);
        }
    }
    for (size_t i = 0; i < pab_self_check_count(); i++) {
        if (strcmp(pab_self_check_at(i)->check.id, id) == 0) {
            return &pab_self_check_at(i)->check;
        }
    }
    return NULL;
}

#define PROGRESS_STEPS 20u /* how often a check that is long enough says how far it is */
#define PROGRESS_OPS   ((uint64_t)50000000)

static void check_progress(uint64_t done, uint64_t total)
{
    static uint64_t steps;
    uint64_t now = total < PROGRESS_OPS ? 0 : done / (total / PROGRESS_STEPS);
    if (now != steps) {
        char text[PAB_NAME_MAX];
        snprintf(text, sizeof(text), "checking, %llu %% done",
                 (unsigned long long)(now * 100 / PROGRESS_STEPS));
        stage(text);
        steps = now;
    }
}

/* False: the check has nothing to say about this heap, for the reason in `run`. What a check cannot
 * use is the user's mistake only where the user asked for it. */
static bool admit_check(const struct pab_check *check, struct pab_check_run *run)
{
    if (!pab_check_admits(check, &worker.heap, run->reason, sizeof(run->reason))) {
        return false;
    }
    struct pab_error err;
    enum pab_status status = check->admit == NULL ? PAB_OK : check->admit(run, &err);
    bool is_asked = run->oracle != NULL || run->replay != NULL || run->corpus != NULL;
    if (status == PAB_USAGE && is_asked) {
        pab_worker_refuse("usage", &err);
    }
    if (status != PAB_OK) {
        snprintf(run->reason, sizeof(run->reason), "%s", err.text);
    }
    return status == PAB_OK;
}

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void run_check(struct pab_error *err)
{
    const struct pab_check *check = find_check(worker.job.subject);
    if (check == NULL) {
        expect_ok(pab_fail(err, PAB_USAGE, "no check '%s'", worker.job.subject), err);
        return;
    }
    static struct pab_check_run run;
    static struct pab_verdict_note note;
    run.check = check;
    run.heap = &worker.heap;
    run.spec = worker.spec;
    run.oracle = text_or_null(worker.job.oracle);
    run.replay = text_or_null(worker.job.replay);
    run.corpus = text_or_null(worker.job.corpus);
    run.seed = worker.job.seed;
    run.ops = worker.job.ops;
    run.progress = check_progress;
    bool admitted = admit_check(check, &run);
    if (worker.job.kind == PAB_JOB_ADMIT) {
        return;
    }
    note.verdict = admitted ? check->run(&run) : PAB_SKIP;
    note.ops_done = run.ops_done;
    static_assert(sizeof(note.reason) == sizeof(run.reason) &&
                      sizeof(note.answer) == sizeof(run.answer) &&
                      sizeof(note.compared) == sizeof(run.compared) &&
                      sizeof(note.detail) == sizeof(run.detail),
                  "what a check says travels whole");
    memcpy(note.reason, run.reason, sizeof(note.reason));
    memcpy(note.answer, run.answer, sizeof(note.answer));
    memcpy(note.compared, run.compared, sizeof(note.compared));
    memcpy(note.detail, run.detail, sizeof(note.detail));
    pab_worker_send(PAB_MESSAGE_VERDICT, &note, sizeof(note));
}

static void send_manifest(void)
{
    static struct pab_manifest manifest;
    pab_check_manifest(&worker.heap, manifest.text, sizeof(manifest.text));
    pab_worker_send(PAB_MESSAGE_MANIFEST, &manifest, sizeof(manifest));
}

/* A trace asks the allocator itself, whatever objects the backend brings. */
static const struct pab_workload *find_workload(struct pab_recording *recording)
{
    if (worker.job.replay[0] == '\0') {
        return pab_runtime_workload(worker.job.subject);
    }
    static_assert(sizeof(recording->path) >= PAB_JOB_PATH_MAX, "a path fits");
    snprintf(recording->path, sizeof(recording->path), "%s", worker.job.replay);
    recording->digest = worker.job.replay_digest;
    return &pab_workload_replay;
}

static void run_workload(struct pab_error *err)
{
    static struct pab_recording recording;
    const struct pab_workload *workload = find_workload(&recording);
    if (workload == NULL) {
        expect_ok(pab_fail(err, PAB_USAGE, "no workload '%s'", worker.job.subject), err);
        return;
    }
    expect_ok(pab_inputs_init(&worker.inputs, PAB_INPUTS_RESERVE_BYTES, err), err);
    struct pab_run run = {
        .heap = &worker.heap,
        .inputs = &worker.inputs,
        .seed = worker.job.seed,
        .params = worker.job.params,
        .spec = worker.spec,
        .at_once = worker.pass == &pab_pass_time, /* all else counts or watches single calls */
        .recording = &recording,
        .one_thread = worker.pass != NULL && (worker.pass->flags & PAB_PASS_ONE_THREAD) != 0,
    };
    stage("setting up");
    if (workload->setup != NULL) {
        expect_ok(workload->setup(&run, err), err);
    }
    if (worker.job.age.percent != 0) {
        stage("ageing the heap");
        expect_ok(pab_age_heap(&worker.heap, &worker.job.age, worker.job.seed, err), err);
    }
    stage("running");
    if (worker.job.kind == PAB_JOB_DEMAND) {
        pab_measure_demand(workload, &run);
        return;
    }
    worker.pass->run(workload, &run, &worker.job);
}

static void prepare_pass(struct pab_error *err)
{
    worker.pass = pab_pass_find(worker.job.pass);
    if (worker.pass == NULL) {
        expect_ok(pab_fail(err, PAB_USAGE, "no pass '%s'", worker.job.pass), err);
        return;
    }
    if (worker.pass->prepare != NULL) {
        worker.pass->prepare();
    }
}

int pab_worker_main(void)
{
    /* Dies with its parent: by the kernel, or by the next message, which nobody would read. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    ssize_t got = read(PAB_JOB_FD, &worker.job, sizeof(worker.job));
    if (got != (ssize_t)sizeof(worker.job) || worker.job.protocol != PAB_PROTOCOL) {
        fprintf(stderr, "pyallocbench: a worker is started by pyallocbench itself\n");
        return 2;
    }
    close(PAB_JOB_FD);
    struct pab_error err;
    if (worker.job.kind == PAB_JOB_PASS) {
        prepare_pass(&err);
    }
    open_heap(&err);
    if (worker.job.kind == PAB_JOB_CHECK || worker.job.kind == PAB_JOB_ADMIT) {
        stage("checking");
        run_check(&err);
    } else if (worker.job.kind == PAB_JOB_MANIFEST) {
        send_manifest();
    } else if (worker.job.kind != PAB_JOB_PROBE) {
        run_workload(&err);
    }
    pab_worker_send(PAB_MESSAGE_DONE, NULL, 0);
    /* Destructors of foreign libraries are no part of any measurement. */
    _exit(0);
}
