#include "tests/conformance/threads/forks.h"

#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 45000u /* more than the alarms within */
#define FORK_MS    50u    /* added for each fork */
#define MOST_MS    3600000u

enum child_code { CHILD_FINE, CHILD_LOST_BYTES, CHILD_NO_MEMORY };

void pab_forks_init(struct pab_forks *forks, struct pab_check_run *run, uint64_t count)
{
    memset(forks, 0, sizeof(*forks));
    forks->run = run;
    forks->count = count;
    pab_subject_init(&forks->subject, run->heap);
}

/* To where pab_case_run() listens. */
int pab_forks_found(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text) - 1, format, args);
    va_end(args);
    size_t length = strlen(text);
    text[length++] = '\n'; /* another thread may find something, too */
    return write(STDERR_FILENO, text, length) == (ssize_t)length ? 1 : 2;
}

enum pab_verdict pab_forks_judge(struct pab_forks *forks, int (*body)(void *arg))
{
    struct pab_case done;
    uint64_t more_ms = forks->count * FORK_MS;
    pab_case_run(body, forks, TIMEOUT_MS + (unsigned)(more_ms < MOST_MS ? more_ms : MOST_MS),
                 &done);
    if (done.end == PAB_CASE_BROKE) {
        return pab_skip(forks->run, "no process is to be had");
    }
    if (done.end == PAB_CASE_RETURNED && done.value == 0) {
        return PAB_PASS;
    }
    char how[64];
    pab_case_describe(&done, how, sizeof(how));
    done.text[strcspn(done.text, "\n")] = '\0';
    if (done.end == PAB_CASE_RETURNED && done.text[0] != '\0') {
        pab_wrong(forks->run, "%.400s", done.text);
    } else {
        bool is_hang = done.end == PAB_CASE_DIED && done.signal == SIGALRM;
        pab_wrong(forks->run, "%s%s%.300s", is_hang ? "the process hung" : how,
                  done.text[0] == '\0' ? "" : ": ", done.text);
    }
    return pab_judge(forks->run, false);
}

void pab_forks_child_begin(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGALRM, SIG_DFL);
    alarm(PAB_FORKS_ALARM_S);
}

int pab_forks_child_work(struct pab_forks *forks)
{
    if (!pab_ladder_give(&forks->inherited, &forks->subject)) {
        return CHILD_LOST_BYTES;
    }
    return pab_ladder_climb(&forks->subject) ? CHILD_FINE : CHILD_NO_MEMORY;
}

int pab_forks_child_end(pid_t child, const char *where)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return pab_forks_found("no child is to be had %s", where);
    }
    if (WIFSIGNALED(status)) {
        if (WTERMSIG(status) == SIGALRM) {
            return pab_forks_found("the child hung for %u s in a call, forked %s",
                                   PAB_FORKS_ALARM_S, where);
        }
        return pab_forks_found("the child died of SIG%s, forked %s", sigabbrev_np(WTERMSIG(status)),
                               where);
    }
    switch (WEXITSTATUS(status)) {
    case CHILD_FINE:
        return 0;
    case CHILD_LOST_BYTES:
        return pab_forks_found("an inherited block had changed in the child, forked %s", where);
    default:
        return pab_forks_found("the child got NULL or lost bytes, forked %s", where);
    }
}
