#include "tests/conformance/support/case.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Shared with the child: where it says that it came back. */
struct marker {
    volatile bool returned;
    volatile int value;
};

static struct {
    struct marker *marker;
    unsigned timeout_ms;
} cases;

void *pab_case_shared(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

__attribute__((noreturn)) static void live(int (*body)(void *arg), void *arg, int err_fd)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP};
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
        signal(fatal[i], SIG_DFL); /* a sanitizer's handler would turn a death into an exit */
    }
    struct rlimit no_core = {1, 1}; /* unlike 0, 1 ends dumps into pipes, too (Linux coredump.c) */
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(err_fd, STDERR_FILENO);
    close(err_fd);
    cases.marker->value = body(arg);
    cases.marker->returned = true;
    _exit(0);
}

/* Reads what the child says until it closes its end or time is up; the rest is thrown away. */
static bool listen_to(int fd, uint64_t until_ms, struct pab_case *out)
{
    size_t used = 0;
    char waste[512];
    for (;;) {
        uint64_t now = now_ms();
        struct pollfd waited = {.fd = fd, .events = POLLIN};
        int ready = now >= until_ms ? 0 : poll(&waited, 1, (int)(until_ms - now));
        if (ready == 0) {
            return false;
        }
        if (ready < 0) { /* a signal came between: read() would wait past the time */
            continue;
        }
        size_t room = sizeof(out->text) - 1 - used;
        ssize_t got =
            read(fd, room > 0 ? out->text + used : waste, room > 0 ? room : sizeof(waste));
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return true;
        }
        used += room > 0 && got > 0 ? (size_t)got : 0;
    }
}

/* Whoever closed stderr may still run. */
static bool wait_for(pid_t child, uint64_t until_ms, int *status)
{
    struct timespec nap = {0, 200000};
    while (waitpid(child, status, WNOHANG) == 0) {
        if (now_ms() >= until_ms) {
            return false;
        }
        nanosleep(&nap, NULL);
    }
    return true;
}

static void classify(int status, struct pab_case *out)
{
    if (WIFSIGNALED(status)) {
        out->end = PAB_CASE_DIED;
        out->signal = WTERMSIG(status);
    } else if (cases.marker->returned) {
        out->end = PAB_CASE_RETURNED;
        out->value = cases.marker->value;
    } else {
        out->end = PAB_CASE_EXITED;
        out->code = WEXITSTATUS(status);
    }
}

void pab_case_run(int (*body)(void *arg), void *arg, unsigned timeout_ms, struct pab_case *out)
{
    int ends[2];
    memset(out, 0, sizeof(*out));
    out->end = PAB_CASE_BROKE;
    if (cases.marker == NULL) {
        cases.marker = pab_case_shared(sizeof(*cases.marker));
    }
    if (cases.marker == NULL || pipe(ends) != 0) {
        return;
    }
    cases.marker->returned = false;
    cases.timeout_ms = timeout_ms;
    uint64_t until_ms = now_ms() + timeout_ms;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        live(body, arg, ends[1]);
    }
    close(ends[1]);
    if (child > 0) {
        int status = 0;
        bool ended = listen_to(ends[0], until_ms, out) && wait_for(child, until_ms, &status);
        if (!ended) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            out->end = PAB_CASE_HUNG;
        } else {
            classify(status, out);
        }
    }
    close(ends[0]);
}

void pab_case_describe(const struct pab_case *done, char *out, size_t size)
{
    switch (done->end) {
    case PAB_CASE_RETURNED:
        snprintf(out, size, "came back with %d", done->value);
        break;
    case PAB_CASE_EXITED:
        snprintf(out, size, "ended the process with exit status %d", done->code);
        break;
    case PAB_CASE_DIED:
        snprintf(out, size, "died of SIG%s", sigabbrev_np(done->signal));
        break;
    case PAB_CASE_HUNG:
        snprintf(out, size, "hung for %u ms", cases.timeout_ms);
        break;
    default:
        snprintf(out, size, "could not be started");
        break;
    }
}
