/* tests/conformance/threads/torture.c -- one thread is single-stepped through its calls of malloc
 * and free; after an instruction that locks the bus, another thread of the process forks while it
 * stands there. So a fork meets every state that others may see.
 *
 *   tracer  steps main; after a locked instruction asks for a fork and waits until it is made,
 *           or until the helper sleeps on a lock that main holds: then main has to go on
 *   main    the script, traced
 *   helper  forks when asked, waits for the child: untraced
 *   child   frees what it inherited and allocates, or dies of its alarm
 */
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/threads/forks.h"
#include "tests/conformance/threads/team.h"
#include "workloads/support/rng.h"

#include <linux/audit.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FORKS     60u
#define STEPS     5000u    /* for each fork, at most: some allocators lock seldom */
#define CALLS     1000000u /* the script's: more than the forks can take */
#define SLOTS     48
#define ONE_IN    3 /* locked instructions at which a fork is asked for */
#define UNTRACED  77
#define UNFIT     78
#define POLL_NS   20000
#define POLLS_MAX 500000u /* 10 s: the helper neither forks nor sleeps on a lock */

enum phase { PHASE_IDLE, PHASE_FORKING, PHASE_WAITING };

/* In memory that all processes share. */
struct shared {
    atomic_uint asked, served, phase;
    atomic_int result, helper;
    atomic_bool in_script, is_enough;
    uint64_t steps, blocked;
};

static struct pab_forks forking;
static struct shared *shared;

static void poll_nap(void)
{
    nanosleep(&(struct timespec){0, POLL_NS}, NULL);
}

/* --- the traced process -------------------------------------------------------------------------- */

static void *helper_main(void *arg)
{
    (void)arg;
    atomic_store(&shared->helper, gettid());
    while (!atomic_load(&shared->is_enough) && atomic_load(&shared->result) == 0) {
        if (atomic_load(&shared->asked) == atomic_load(&shared->served)) {
            poll_nap();
            continue;
        }
        alarm(2 * PAB_FORKS_ALARM_S);
        atomic_store(&shared->phase, PHASE_FORKING);
        pid_t child = fork();
        if (child == 0) {
            pab_forks_child_begin();
            _exit(pab_forks_child_work(&forking));
        }
        atomic_store(&shared->phase, PHASE_WAITING);
        atomic_store(&shared->result,
                     pab_forks_child_end(child, "after a locked instruction of another thread"));
        atomic_store(&shared->phase, PHASE_IDLE);
        atomic_fetch_add(&shared->served, 1);
    }
    return NULL;
}

/* Beyond most thread caches, so that locks are taken. */
static void script(void)
{
    void *blocks[SLOTS] = {NULL};
    struct pab_rng rng;
    pab_rng_seed(&rng, forking.run->seed);
    for (unsigned i = 0; i < CALLS && !atomic_load(&shared->is_enough); i++) {
        void **slot = &blocks[pab_rng_below(&rng, SLOTS)];
        uint32_t kind = pab_rng_below(&rng, 16);
        pab_subject_free(&forking.subject, *slot);
        *slot = pab_subject_malloc(&forking.subject,
                                   1 + pab_rng_below(&rng, kind == 0 ? 300000 : 30000));
    }
}

__attribute__((noreturn)) static void be_traced(void)
{
    pthread_t helper;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!pab_ladder_take(&forking.inherited, &forking.subject) ||
        pthread_create(&helper, NULL, helper_main, NULL) != 0) {
        _exit(UNFIT);
    }
    while (atomic_load(&shared->helper) == 0) {
        poll_nap();
    }
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(UNTRACED);
    }
    raise(SIGSTOP);
    atomic_store(&shared->in_script, true);
    script();
    atomic_store(&shared->in_script, false);
    pthread_join(helper, NULL);
    _exit(0);
}

/* --- the tracer ------------------------------------------------------------------------------------ */

/* Whether x86-64 code locks the bus: a lock prefix among the prefixes, or xchg with memory. The
 * code is at the same address here: the traced process was forked from this one. */
static bool is_locked(const unsigned char *code)
{
    static const unsigned char prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64,
                                             0x65, 0x66, 0x67, 0xf2, 0xf3};
    while (memchr(prefixes, *code, sizeof(prefixes)) != NULL) {
        code++;
    }
    if (*code == 0xf0) {
        return true;
    }
    code += (*code & 0xf0) == 0x40; /* REX */
    return (*code & 0xfe) == 0x86 && code[1] < 0xc0;
}

/* Where the traced thread stands; NULL: this machine's code is not known here. */
static const unsigned char *code_of(pid_t pid)
{
    struct __ptrace_syscall_info info;
    memset(&info, 0, sizeof(info));
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0 ||
        info.arch != AUDIT_ARCH_X86_64) {
        return NULL;
    }
    return (const unsigned char *)(uintptr_t)info.instruction_pointer;
}

static bool is_asleep(pid_t pid, pid_t tid)
{
    char text[256] = "";
    snprintf(text, sizeof(text), "/proc/%d/task/%d/stat", pid, tid);
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    const char *state = strrchr(text, ')');
    return state != NULL && strncmp(state, ") S", 3) == 0;
}

/* Until the fork is made and its child has ended, or the helper waits for main. */
static void await_fork(pid_t pid)
{
    unsigned asleep = 0;
    for (unsigned polls = 0; polls < POLLS_MAX; polls++) {
        if (atomic_load(&shared->served) == atomic_load(&shared->asked)) {
            return;
        }
        bool is_stuck = atomic_load(&shared->phase) == PHASE_FORKING &&
                        is_asleep(pid, atomic_load(&shared->helper));
        asleep = is_stuck ? asleep + 1 : 0;
        if (asleep == 3) {
            shared->blocked++;
            return;
        }
        poll_nap();
    }
}

static bool is_done(void)
{
    return atomic_load(&shared->served) >= forking.count || atomic_load(&shared->result) != 0 ||
           shared->steps >= forking.count * STEPS;
}

/* Steps until enough forks were made. False: it has ended, with `*status`. */
static bool step_through(pid_t pid, int *status)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, forking.run->seed + 1);
    while (!is_done()) {
        const unsigned char *code = code_of(pid);
        bool asks = atomic_load(&shared->in_script) && code != NULL && is_locked(code) &&
                    atomic_load(&shared->asked) == atomic_load(&shared->served) &&
                    pab_rng_below(&rng, ONE_IN) == 0;
        int signal = WSTOPSIG(*status);
        signal = signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
        if (code == NULL || ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(intptr_t)signal) != 0 ||
            waitpid(pid, status, 0) != pid || !WIFSTOPPED(*status)) {
            return false;
        }
        shared->steps++;
        if (asks) {
            atomic_fetch_add(&shared->asked, 1);
            await_fork(pid);
        }
    }
    return true;
}

static int torture_body(void *arg)
{
    (void)arg;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        be_traced();
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return UNFIT;
    }
    if (!WIFSTOPPED(status)) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : UNFIT;
    }
    bool is_foreign = code_of(pid) == NULL;
    bool is_alive = !is_foreign && step_through(pid, &status);
    if (is_foreign) {
        kill(pid, SIGKILL);
        return UNTRACED;
    }
    if (!is_alive) {
        return pab_forks_found("the process ended by itself (status %d)", status);
    }
    atomic_store(&shared->is_enough, true);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    waitpid(pid, &status, 0);
    return atomic_load(&shared->result);
}

static enum pab_verdict torture_run(struct pab_check_run *run)
{
    pab_forks_init(&forking, run, pab_budget(run, FORKS, 100));
    shared = pab_case_shared(sizeof(*shared));
    if (shared == NULL) {
        return pab_skip(run, "no shared memory is to be had");
    }
    struct pab_case done;
    char how[64];
    pab_case_run(torture_body, NULL, 120000 + (unsigned)forking.count * 200, &done);
    pab_case_describe(&done, how, sizeof(how));
    run->ops_done = atomic_load(&shared->served);
    pab_compared(run,
                 "%u forks by a thread while another stood after a locked instruction, %" PRIu64
                 " instructions single-stepped; %" PRIu64 " forks had to wait for it",
                 atomic_load(&shared->served), shared->steps, shared->blocked);
    if (done.end == PAB_CASE_RETURNED && done.value == UNTRACED) {
        return pab_skip(run, "no process may be single-stepped here, or it is no x86-64");
    }
    if (done.end == PAB_CASE_RETURNED && done.value == UNFIT) {
        return pab_skip(run, "no process or thread is to be had");
    }
    bool holds = done.end == PAB_CASE_RETURNED && done.value == 0;
    done.text[strcspn(done.text, "\n")] = '\0';
    if (!holds) {
        pab_wrong(run, "%s%s%.300s", done.text[0] == '\0' ? "the traced process " : "",
                  done.text[0] == '\0' ? how : "", done.text);
    }
    return pab_judge(run, holds);
}

static const struct pab_check checks[] = {
    {
        .id = "THR-10",
        .summary = "a fork after any locked instruction of another thread leaves a sound child",
        .source = "practice; gperftools' fork torture test",
        .flags = PAB_CHECK_LONG,
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_MEMORY,
        .needs = PAB_CAP_THREADS,
        .uses = PAB_USES_REALLOC,
        .admit = pab_team_admit,
        .run = torture_run,
    },
};

const struct pab_check_group pab_checks_torture = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
