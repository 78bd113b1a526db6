/* harness/pass_kernel.c -- what one body makes the kernel do: memory calls by kind, bytes, faults.
 *
 * Every call is caught by a seccomp filter, whoever makes it: libc's own inlined ones, and those of
 * threads that the allocator starts, since the filter is there before the allocator is. A caught
 * call takes some microseconds longer, which an allocator that purges by the clock may notice.
 */
#include "allocators/decorate/meter.h"
#include "allocators/oscalls.h"
#include "harness/pass.h"
#include "harness/self.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Threads of this process, counted without opening a folder, which would take memory. */
static uint64_t thread_count(void)
{
    struct stat folder;
    return stat("/proc/self/task", &folder) == 0 ? folder.st_nlink - 2 : 0;
}

static void prepare_kernel(void)
{
    char why[200] =
        "a thread ran before it could be watched: attach the library by dlopen, not by preload";
    if (thread_count() != 1 || !pab_oscalls_install(why, sizeof(why))) {
        struct pab_error err;
        pab_fail(&err, PAB_UNAVAILABLE, "%s", why);
        pab_worker_refuse("unavailable", &err);
    }
}

/* The filter cannot be taken off again: a child tries. */
static const char *missing(void)
{
    static char why[200];
    int ends[2];
    if (pipe(ends) != 0) {
        return "no pipe can be had to try it";
    }
    pid_t child = fork();
    if (child == 0) {
        bool ok = pab_oscalls_install(why, sizeof(why));
        _exit(ok || write(ends[1], why, sizeof(why)) > 0 ? 0 : 1);
    }
    close(ends[1]);
    why[0] = '\0';
    int status = -1;
    bool is_told = read(ends[0], why, sizeof(why) - 1) >= 0;
    close(ends[0]);
    bool is_ended = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    if (child < 0) {
        return "no process can be started to try it";
    }
    if (!is_told || !is_ended) {
        return "a process that tries it ends at once";
    }
    return why[0] == '\0' ? NULL : why;
}

static void send_counts(const struct pab_oscalls_counts *before,
                        const struct pab_oscalls_counts *after)
{
    pab_worker_figure("mmap", (double)(after->mmap - before->mmap));
    pab_worker_figure("munmap", (double)(after->munmap - before->munmap));
    pab_worker_figure("mremap", (double)(after->mremap - before->mremap));
    pab_worker_figure("mprotect", (double)(after->mprotect - before->mprotect));
    pab_worker_figure("madvise", (double)(after->madvise - before->madvise));
    pab_worker_figure("brk", (double)(after->brk - before->brk));
    pab_worker_figure("mapped_bytes", (double)(after->mapped_bytes - before->mapped_bytes));
    pab_worker_figure("unmapped_bytes", (double)(after->unmapped_bytes - before->unmapped_bytes));
    pab_worker_figure("released_bytes", (double)(after->released_bytes - before->released_bytes));
}

static void run_kernel(const struct pab_workload *workload, struct pab_run *run,
                       const struct pab_job *job)
{
    (void)job;
    static struct pab_meter meter; /* for the request hash */
    static struct pab_oscalls_counts before;
    static struct pab_oscalls_counts after;
    pab_meter_attach(&meter, run->heap);
    pab_oscalls_count(&after); /* its pages are there then */
    struct pab_faults faults_before = pab_faults_read();
    pab_oscalls_count(&before);
    workload->body(run);
    pab_oscalls_count(&after);
    struct pab_faults faults = pab_faults_read();
    pab_meter_detach(&meter);
    send_counts(&before, &after);
    pab_worker_figure("minor_faults", (double)(faults.minor - faults_before.minor));
    pab_worker_figure("major_faults", (double)(faults.major - faults_before.major));
    pab_worker_body(run, meter.hash);
}

const struct pab_pass pab_pass_kernel = {
    .name = "kernel",
    .summary = "memory calls to the kernel by kind, their bytes, and page faults",
    .contract = PAB_PASS_CONTRACT,
    .flags = PAB_PASS_LARGE | PAB_PASS_HOLDS_HASH,
    .weight = 4,
    .patience = 2,
    .result = PAB_MESSAGE_FIGURE,
    .missing = missing,
    .prepare = prepare_kernel,
    .run = run_kernel,
};
