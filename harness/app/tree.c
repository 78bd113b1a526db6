#include "harness/app/tree.h"

#include "harness/self.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_NS 2000000u /* between two looks at what is left */

void pab_tree_adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static size_t read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    out[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

static uint64_t rss_of(int32_t pid)
{
    char path[64];
    char text[128];
    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    (void)read_small(path, text, sizeof(text));
    const char *resident = strchr(text, ' ');
    return resident == NULL ? 0 : strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* An exec leaves a place that is still open, of the same process as a later one. */
static bool is_latest(const struct pab_witness *witness, uint32_t place, uint32_t count)
{
    for (uint32_t i = place + 1; i < count; i++) {
        if (witness->processes[i].pid == witness->processes[place].pid) {
            return false;
        }
    }
    return true;
}

uint64_t pab_tree_rss_bytes(const struct pab_witness *witness)
{
    uint32_t count = atomic_load(&witness->count);
    count = count < PAB_WITNESS_PROCESSES ? count : PAB_WITNESS_PROCESSES;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct pab_witness_process *process = &witness->processes[i];
        if (atomic_load(&process->state) == PAB_WITNESS_BEGUN && is_latest(witness, i, count)) {
            sum += rss_of(process->pid);
        }
    }
    return sum;
}

static void kill_children(void)
{
    char text[4096];
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    (void)read_small(path, text, sizeof(text));
    for (char *at = text; *at != '\0';) {
        char *end = at;
        long pid = strtol(at, &end, 10);
        if (end == at) {
            break;
        }
        (void)kill((pid_t)pid, SIGKILL);
        at = end;
    }
}

void pab_tree_add_usage(struct rusage *sum, const struct rusage *more)
{
    timeradd(&sum->ru_utime, &more->ru_utime, &sum->ru_utime);
    timeradd(&sum->ru_stime, &more->ru_stime, &sum->ru_stime);
    sum->ru_minflt += more->ru_minflt;
    sum->ru_majflt += more->ru_majflt;
}

bool pab_tree_reap(const struct pab_tree_limits *limits, struct rusage *sum)
{
    bool was_killed = false;
    bool is_leaving = false;
    uint64_t deadline_ns = limits->deadline_ns;
    for (;;) {
        if (!is_leaving && limits->interrupted != NULL && *limits->interrupted != 0) {
            uint64_t until_ns = pab_wall_ns() + limits->leave_ns;
            is_leaving = true;
            deadline_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
        }
        struct rusage usage;
        int status = 0;
        pid_t got = wait4(-1, &status, WNOHANG, &usage);
        if (got > 0) {
            pab_tree_add_usage(sum, &usage);
        } else if (got < 0 && errno != EINTR) {
            return !was_killed; /* nobody is left */
        } else if (pab_wall_ns() > deadline_ns) {
            was_killed = true;
            kill_children();
        }
        if (got == 0) {
            pab_sleep_until_ns(pab_wall_ns() + LOOK_NS);
        }
    }
}
