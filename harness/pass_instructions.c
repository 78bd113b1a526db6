/* harness/pass_instructions.c -- instructions of one body, counted by callgrind.
 *
 * callgrind leaves malloc alone, so what is counted is the backend's own code, the workload's and
 * libc's, in user space. It collects inside pab_counted_body() only, and writes a dump each time
 * that function is left; the dumps go to a descriptor of this process, which reads them at once.
 * Counts compare one backend's old code with its new code; between allocators they mislead, since
 * cache misses, faults and kernel calls count nothing.
 */
#include "harness/pass.h"

#include <string.h>
#include <unistd.h>

#define DUMP_PATH "/proc/self/fd/5"
#define TOTALS    "totals:"
static_assert(PAB_WRAPPER_FD == 5, "DUMP_PATH names it");

static const char *const wrapper[] = {
    "valgrind",
    "--tool=callgrind",
    "-q",
    "--vgdb=no",
    "--collect-atstart=no",
    "--toggle-collect=pab_counted_body",
    "--dump-after=pab_counted_body",
    "--combine-dumps=yes",
    ("--callgrind-out-file=" DUMP_PATH),
    NULL,
};

static const char *missing(void)
{
    const char *path = getenv("PATH");
    for (const char *at = path == NULL ? "" : path; *at != '\0';) {
        size_t length = strcspn(at, ":");
        char file[512];
        snprintf(file, sizeof(file), "%.*s/valgrind", (int)length, at);
        if (access(file, X_OK) == 0) {
            return NULL;
        }
        at += length + (at[length] == ':');
    }
    return "valgrind is not installed (Debian: apt install valgrind)";
}

/* callgrind knows it by its name, so it must stay a function of its own. */
void pab_counted_body(const struct pab_workload *workload, struct pab_run *run);

__attribute__((noinline)) void pab_counted_body(const struct pab_workload *workload,
                                                struct pab_run *run)
{
    workload->body(run);
}

static void (*volatile counted_body)(const struct pab_workload *,
                                     struct pab_run *) = pab_counted_body;

/* The sum of the dumps' totals: "totals: 123456". 0: there is no dump. */
static double read_totals(void)
{
    double sum = 0;
    char line[256];
    FILE *file = fopen(DUMP_PATH, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, TOTALS, strlen(TOTALS)) == 0) {
            sum += strtod(line + strlen(TOTALS), NULL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return sum;
}

static void expect_counts(double cold, double both)
{
    struct pab_error err;
    if (cold <= 0 || both <= cold) {
        pab_fail(&err, PAB_UNAVAILABLE,
                 "callgrind counted nothing: is the binary stripped of its symbols?");
        pab_worker_refuse("unavailable", &err);
    }
}

static void run_instructions(const struct pab_workload *workload, struct pab_run *run,
                             const struct pab_job *job)
{
    (void)job;
    counted_body(workload, run);
    double cold = read_totals();
    if (run->heap->backend->reset != NULL) {
        run->heap->backend->reset(run->heap);
    }
    uint64_t checksum = run->checksum;
    counted_body(workload, run);
    double both = read_totals();
    expect_counts(cold, both);
    double ops = run->op_count > 0 ? (double)run->op_count : 1;
    pab_worker_expect_alike(checksum, run->checksum);
    pab_worker_figure("body", both - cold);
    pab_worker_figure("per_op", (both - cold) / ops);
    pab_worker_figure("cold_body", cold);
    pab_worker_figure("cold_per_op", cold / ops);
    pab_worker_body(run, 0);
}

const struct pab_pass pab_pass_instructions = {
    .name = "instructions",
    .summary = "instructions of a body, by callgrind: repeats to some parts per million",
    .contract = PAB_PASS_CONTRACT,
    .flags = PAB_PASS_STILL | PAB_PASS_ONCE | PAB_PASS_ONE_THREAD,
    .weight = 60,
    .patience = 10,
    .result = PAB_MESSAGE_FIGURE,
    .missing = missing,
    .wrapper = wrapper,
    .run = run_instructions,
};
