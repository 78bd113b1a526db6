/* harness/compare/reading.h -- a results document as numbers to compare. Depends on jansson, yajl,
 * status.h.
 *
 * The one reader in C of a document that may come from anywhere: truncated, of another schema, with
 * NaN, negative or huge numbers, nested without end, with keys twice. Whatever it hands out is
 * finite and within its range; whatever it cannot read is one line of error. Small parts stay JSON;
 * samples become rows of numbers, so that 10^5 of them take well under a second.
 *
 *   document -> rows (one a sample) -> series (one a workload, backend and metric; by host, round)
 */
#ifndef PAB_HARNESS_COMPARE_READING_H
#define PAB_HARNESS_COMPARE_READING_H

#include "allocators/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PAB_SCHEMA "pyallocbench-results/1"

#define PAB_READING_NAME_MAX 255u /* bytes of a name or a key */

/* What kind of figure a metric is: it decides how two of them are compared. */
enum pab_family {
    PAB_FAMILY_TIME,         /* noisy: paired or rank statistics, an interval, a verdict */
    PAB_FAMILY_MEMORY,       /* repeats well: medians and ranges */
    PAB_FAMILY_INSTRUCTIONS, /* repeats to parts per million: medians and a tight limit */
    PAB_FAMILY_STRUCTURE,    /* deterministic: must be equal */
    PAB_FAMILY_DESCRIPTION,  /* shown, never judged: latency, pauses, kernel calls, waterfall */
    PAB_FAMILY_COUNT,
};

const char *pab_family_name(enum pab_family family);

/* A quantity of a cell. The fixed ones (cpu_ns_per_op, ...) come first, then those that the passes
 * of this document name: "structure.arenas", "latency.malloc.p99_ns", "instructions.per_op". */
struct pab_metric {
    const char *name; /* owned by the reading */
    const char *unit; /* "ns", "bytes", "ratio", "count" */
    enum pab_family family;
    bool more_is_better;
};

/* The values of one cell that count, ascending by (host, round). No NaN among them. */
struct pab_series {
    size_t count;
    double *values;
    uint32_t *rounds;
    uint16_t *hosts;
};

struct pab_reading; /* opaque: cells are asked for below */

/* Reads FILE. PAB_IO: cannot be read. PAB_BAD_DATA: truncated, no document of ours, or with values
 * that none of ours can hold. PAB_NOT_COMPARABLE: of a newer schema. Free with
 * pab_reading_close(). */
enum pab_status pab_reading_open(const char *path, struct pab_reading **out, struct pab_error *err);
/* The same out of memory; `name` stands for the path in errors. */
enum pab_status pab_reading_parse(const char *name, const unsigned char *text, size_t bytes,
                                  struct pab_reading **out, struct pab_error *err);
/* Of a run's own arrays (samples, control, failures, workloads, backends): what summary.h is made
 * from. Nothing is copied that a document would not keep. */
enum pab_status pab_reading_of_run(const json_t *run, struct pab_reading **out,
                                   struct pab_error *err);
void pab_reading_close(struct pab_reading *reading);

/* `pyallocbench` of the document without its samples, control, timelines: borrowed. */
const json_t *pab_reading_run(const struct pab_reading *reading);
const char *pab_reading_path(const struct pab_reading *reading);

size_t pab_reading_workloads(const struct pab_reading *reading);
const char *pab_reading_workload(const struct pab_reading *reading, size_t index);
size_t pab_reading_backends(const struct pab_reading *reading);
const char *pab_reading_backend(const struct pab_reading *reading, size_t index);
size_t pab_reading_metrics(const struct pab_reading *reading);
const struct pab_metric *pab_reading_metric(const struct pab_reading *reading, size_t index);
/* 1 unless the document was merged. */
size_t pab_reading_hosts(const struct pab_reading *reading);
size_t pab_reading_samples(const struct pab_reading *reading);

/* Index of a name, or the count when there is none. */
size_t pab_reading_find_workload(const struct pab_reading *reading, const char *id);
size_t pab_reading_find_backend(const struct pab_reading *reading, const char *id);
size_t pab_reading_find_metric(const struct pab_reading *reading, const char *name);

/* Which rows of a cell are asked for. */
enum pab_reading_part {
    PAB_PART_SAMPLES, /* the measurement */
    PAB_PART_CONTROL, /* the baseline's second, under the same name: the A/A control */
};

/* Which of the times speaks for a workload: wall_ns_per_op where its threads run at once, else
 * cpu_ns_per_op. PAB_ALL_WORKLOADS: for all together, the same one if it speaks for each; else
 * PAB_METRIC_CLOCK, of each workload its own, which only rows over all workloads have. */
#define PAB_ALL_WORKLOADS SIZE_MAX
#define PAB_METRIC_CLOCK  "clock_ns_per_op"
const char *pab_reading_clock(const struct pab_reading *reading, size_t workload);
/* Its description where that is PAB_METRIC_CLOCK, else NULL. */
const struct pab_metric *pab_reading_mixed_clock(const struct pab_reading *reading);

/* Whether means over workloads hold it. Where `app` measured a program, "app:NAME", its replays stand
 * beside it to foretell it: a mean over both would count the program twice. */
bool pab_reading_is_in_means(const struct pab_reading *reading, size_t workload);

/* Whether the workload had more threads that run at once than the process had CPUs. */
bool pab_reading_is_oversubscribed(const struct pab_reading *reading, size_t workload);

/* The values of a cell that count (results/README.md: "A sample counts"); empty when there are
 * none. Built once, borrowed until the reading is closed. */
const struct pab_series *pab_reading_series(struct pab_reading *reading, enum pab_reading_part part,
                                            size_t workload, size_t backend, size_t metric);

/* The pass that measures it: "memory" of f_ret, "latency" of latency.malloc.p99_ns. */
void pab_metric_pass(const struct pab_metric *metric, char *out, size_t size);

/* Whether any sample, or a failure, is of this pass. */
bool pab_reading_has_pass(const struct pab_reading *reading, const char *pass);

/* A row of `failures` that takes in the cell and the pass of a metric (`metric` NULL: whatever pass),
 * by their names or as null, which is all; NULL: there is none. Of those that name the same it is the
 * one of the first pass and its earliest round, of these the one that stands first in the document.
 * The cell may have values all the same. */
const json_t *pab_reading_failure(const struct pab_reading *reading, size_t workload,
                                  size_t backend, const struct pab_metric *metric);

/* The row of JSON that says what `workload` gives under the settings of `backend`: its own, or one
 * of its variants; NULL when it has none for them. Rows of older documents name no settings. */
const json_t *pab_variant_for(const json_t *workload, const json_t *backend);

/* Where a sample stood: for order effects and trends. Rows in the order in which they ran: by
 * host, pass, round, position. */
struct pab_row_place {
    size_t workload, backend;
    bool is_control, counts;
    uint16_t host;
    uint32_t round, position;
    uint64_t started_ms;
    double ns_per_op;                 /* of the time that speaks for its workload */
    double first_rep_ns, last_rep_ns; /* CPU time; each is NAN where there is none */
};
size_t pab_reading_places(const struct pab_reading *reading);
struct pab_row_place pab_reading_place(const struct pab_reading *reading, size_t index);

#endif
