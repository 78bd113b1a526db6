/* harness/pass.h -- THE CONTRACT of a pass: one measurement of a workload on a backend. Depends on
 * job.h.
 *
 * Each pass has a process of its own, so that no measurement disturbs another. A pass is a constant
 * table in a file of its own, pass_NAME.c, registered by pab_add_pass(NAME); `run --passes NAME`
 * then makes it, and what it tells appears in the document, in `summary`, and in `compare`:
 *
 *   pab_worker_figure("mmap", 12)                  samples[].figures.mmap      metric NAME.mmap
 *   pab_worker_series("malloc", counts, 320)       samples[].series.malloc     a histogram, say
 *
 * Names of figures end in their unit: _ns, _bytes; without one it is a count. They are lower-case
 * words with '_' and '.'. A pass allocates nothing between its first and last reading.
 */
#ifndef PAB_HARNESS_PASS_H
#define PAB_HARNESS_PASS_H

#include "harness/job.h"

/* Raised when the table changes shape. */
#define PAB_PASS_CONTRACT 2u

enum pab_pass_flag {
    PAB_PASS_BY_DEFAULT = 1u << 0, /* part of `run` without --passes */
    PAB_PASS_ROUNDS = 1u << 1,     /* as many rounds as the preset has for time; else for memory */
    PAB_PASS_LARGE = 1u << 2,      /* takes the workloads' memory parameters */
    PAB_PASS_HOLDS_HASH = 1u << 3, /* tells the request hash: held to that of the demand pass */
    PAB_PASS_STILL = 1u << 4,      /* nothing random: no ASLR, an empty environment, no padding */
    PAB_PASS_ONCE = 1u << 5,       /* repeats exactly: one round is all it needs */
    PAB_PASS_ONE_THREAD = 1u << 6, /* it follows the first thread alone */
};

struct pab_pass {
    const char *name;    /* "time": on the command line, in samples[].pass, in metrics */
    const char *summary; /* one line for `list passes` */
    unsigned contract;
    unsigned flags;
    double weight;     /* how long a cell takes in cells of the time pass: for the time left */
    unsigned patience; /* how many times --timeout a cell may take */
    /* The message without which its worker has not measured: PAB_MESSAGE_FIGURE for most. */
    enum pab_message_type result;
    /* Why it cannot be made on this machine, with what to do, or NULL. Optional. Parent. */
    const char *(*missing)(void);
    /* The command that runs the worker: words that go before it, ended by NULL. Optional. */
    const char *const *wrapper;
    /* What must stand before the backend is opened. Optional. Worker. */
    void (*prepare)(void);
    /* Does it. Worker. Required. */
    void (*run)(const struct pab_workload *workload, struct pab_run *run,
                const struct pab_job *job);
};

/* The registry, in CMake's order: time and memory come first. */
#define PAB_PASS_MAX 16
size_t pab_pass_count(void);
const struct pab_pass *pab_pass_at(size_t index);
/* NULL when there is none of that name. */
const struct pab_pass *pab_pass_find(const char *name);
size_t pab_pass_index(const struct pab_pass *pass);

extern const struct pab_pass pab_pass_time, pab_pass_memory;

/* For passes: one number that becomes samples[].figures.NAME. Finite and not negative. */
void pab_worker_figure(const char *name, double value);
/* For passes: a row of at most PAB_SERIES_MAX counts that becomes samples[].series.NAME. */
void pab_worker_series(const char *name, const uint64_t *values, size_t count);
/* For passes: result, checksum and operations of the body; before the pass's last word. */
void pab_worker_body(const struct pab_run *run, uint64_t request_hash);

/* For passes of several bodies: ends the worker unless a later body gave what the first one did.
 * The parent holds one checksum to the demand pass; this holds the others to that one. */
void pab_worker_expect_alike(uint64_t first_checksum, uint64_t later_checksum);

/* Exact accounting of one body: demand curve, peak, checksum, request hash. No pass of a run: it
 * is made once for a workload, on `system`, and what the others tell is held against it. */
void pab_measure_demand(const struct pab_workload *workload, struct pab_run *run);

#endif
