/* harness/job.h -- what the parent asks of a worker and what the worker tells. Depends on
 * allocators/spec.h, workloads/workload.h.
 *
 * A worker is this same binary, exec'd afresh for each job, so the structs cross the pipes as
 * they are: one pab_job on fd 3, then messages (a header and its payload) back on fd 4.
 */
#ifndef PAB_HARNESS_JOB_H
#define PAB_HARNESS_JOB_H

#include "allocators/spec.h"
#include "harness/age.h"
#include "harness/check.h"
#include "workloads/workload.h"

#define PAB_JOB_FD       3
#define PAB_MESSAGE_FD   4
#define PAB_WRAPPER_FD   5 /* under a wrapper (pass.h): a file in memory that it may write to */
#define PAB_NAME_MAX     64
#define PAB_JOB_PATH_MAX 900
#define PAB_REPS_MAX     16
#define PAB_CURVE_MAX    512 /* points of a demand curve or an RSS timeline */
#define PAB_RETAIN_MAX   8
#define PAB_PAYLOAD_MAX  ((size_t)64 * 1024)
#define PAB_FIGURES_MAX  96  /* of one sample */
#define PAB_STATS_MAX    96  /* counts of structure in one sample */
#define PAB_SERIES_COUNT 8   /* rows of counts in one sample */
#define PAB_SERIES_MAX   768 /* counts in one of them */

/* Raised when a job or a message changes its shape: a worker may be another build of this program
 * (pab_launch.binary), and must be told in words that it knows. */
#define PAB_PROTOCOL 8u

enum pab_job_kind {
    PAB_JOB_PROBE,    /* open, prove identity */
    PAB_JOB_MANIFEST, /* ... and say what can be called: the probe of those that follow */
    PAB_JOB_ADMIT,    /* ... and have one check judge what was asked for, without running it */
    PAB_JOB_CHECK,    /* ... and run one conformance check */
    PAB_JOB_DEMAND,   /* ... run one body under exact accounting: q(t), checksum, request hash */
    PAB_JOB_PASS,     /* ... run one pass of a measurement (pass.h) */
};

struct pab_job {
    uint32_t protocol; /* PAB_PROTOCOL of who asks */
    enum pab_job_kind kind;
    char pass[16]; /* PASS: its name */
    char backend[PAB_SPEC_MAX];
    char subject[PAB_NAME_MAX]; /* the workload, or the check's id */
    uint64_t seed;
    uint64_t ops; /* CHECK: 0: the check's own choice */
    /* ADMIT, CHECK: a file or folder, or empty; DEMAND, PASS: `replay` is the workload's trace */
    char oracle[PAB_JOB_PATH_MAX], replay[PAB_JOB_PATH_MAX], corpus[PAB_JOB_PATH_MAX];
    uint64_t replay_digest; /* of that trace */
    uint64_t params[PAB_PARAMS_MAX];
    double min_time_s; /* pass time: Google Benchmark's, for one repetition */
    uint32_t reps;     /* pass time */
    uint32_t retain_count;
    uint64_t retain_ms[PAB_RETAIN_MAX]; /* pass memory: when to look after the drain, ascending */
    uint64_t tick_calls;                /* PASS: allocator calls between two looks */
    uint64_t peak_calls;                /* PASS: the call that made most bytes live at once */
    uint64_t peak_live_bytes;           /* PASS: how many those were */
    struct pab_age age;                 /* PASS: how the heap is littered before the body */
};

enum pab_message_type {
    PAB_MESSAGE_STAGE,    /* char[]: what begins now, for the report of a crash */
    PAB_MESSAGE_OPENED,   /* struct pab_opened */
    PAB_MESSAGE_MANIFEST, /* struct pab_manifest */
    PAB_MESSAGE_VERDICT,  /* struct pab_verdict_note */
    PAB_MESSAGE_DEMAND,   /* struct pab_demand */
    PAB_MESSAGE_TIME,     /* struct pab_time_sample */
    PAB_MESSAGE_MEMORY,   /* struct pab_memory_sample */
    PAB_MESSAGE_CURVE,    /* struct pab_curve_point[] */
    PAB_MESSAGE_STAT,     /* struct pab_stat_note: one count of the heap's structure */
    PAB_MESSAGE_RETAINED, /* struct pab_retained */
    PAB_MESSAGE_BODY,     /* struct pab_body_note: how the body of a pass ended */
    PAB_MESSAGE_FIGURE,   /* struct pab_figure_note */
    PAB_MESSAGE_SERIES,   /* struct pab_series_note: its used part */
    PAB_MESSAGE_LINGER,   /* nothing: from now on the worker only waits and looks */
    PAB_MESSAGE_REFUSED,  /* struct pab_refusal: it ends by its own decision */
    PAB_MESSAGE_DONE,     /* nothing: all was said */
};

struct pab_message {
    uint32_t type, bytes;
};

struct pab_opened {
    struct pab_identity identity;
    struct pab_identity raw; /* of the heap below; .path empty when there is none */
    uint64_t start_rss_bytes;
};

struct pab_manifest {
    char text[512]; /* pab_check_manifest() */
};

struct pab_verdict_note {
    enum pab_verdict verdict;
    uint64_t ops_done;
    char reason[512];
    char answer[64];
    char compared[512];
    char detail[8192];
};

struct pab_demand {
    uint64_t calls;
    uint64_t domain_calls[PAB_DOMAIN_COUNT];
    uint64_t peak_live_bytes, peak_blocks;
    uint64_t peak_calls; /* calls made when peak_live_bytes were live for the first time */
    uint64_t end_blocks; /* blocks never given back: a leak of ours unless 0 */
    uint64_t request_hash, checksum, op_count;
    uint64_t tick_calls;                        /* calls between two points of the curve */
    uint64_t phase_live_bytes[PAB_PHASE_COUNT]; /* q at the start of each phase */
    struct pab_sizes sizes;                     /* of all blocks that were asked for */
};

struct pab_curve_point {
    uint64_t calls, t_ns;
    uint64_t bytes;  /* live requested bytes in the demand pass, RSS in the memory pass */
    uint64_t usable; /* memory pass: usable bytes of the live blocks, 0 where not to be asked */
};

struct pab_phase_note {
    uint64_t calls, t_ns, bytes;
};

struct pab_time_sample {
    uint64_t op_count, checksum, iterations, cold_cpu_ns;
    uint64_t minor_faults, major_faults; /* of the cold body */
    uint32_t rep_count;
    double rep_wall_ns[PAB_REPS_MAX]; /* of one body */
    double rep_cpu_ns[PAB_REPS_MAX];
};

struct pab_memory_sample {
    uint64_t op_count, checksum, request_hash, calls;
    uint64_t r0_bytes, peak_rss_bytes, drain_rss_bytes;
    uint64_t minor_faults, major_faults;
    bool peak_exact; /* VmHWM could be reset */
    struct pab_phase_note phases[PAB_PHASE_COUNT];
};

struct pab_stat_note {
    char name[PAB_NAME_MAX];
    uint64_t value;
};

struct pab_retained {
    uint64_t after_ms, rss_bytes;
};

struct pab_body_note {
    uint64_t op_count, checksum;
    uint64_t request_hash; /* 0: the pass does not know it */
};

struct pab_figure_note {
    char name[PAB_NAME_MAX];
    double value;
};

struct pab_series_note {
    char name[PAB_NAME_MAX];
    uint64_t count;
    uint64_t values[PAB_SERIES_MAX];
};

struct pab_refusal {
    struct pab_error error;
    char kind[PAB_NAME_MAX]; /* as in failures[].kind of the document */
};

/* The worker's whole life: reads the job, does it, ends. Never returns to main's other verbs. */
int pab_worker_main(void);

/* For passes: sends one message; a parent that went away ends the worker. */
void pab_worker_send(enum pab_message_type type, const void *payload, size_t bytes);
/* Ends the worker, telling why. */
_Noreturn void pab_worker_refuse(const char *kind, const struct pab_error *err);

#endif
