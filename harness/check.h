/* harness/check.h -- THE CONTRACT of a conformance check. Depends on allocators/spec.h.
 *
 * A check is a constant table in a file of its own under tests/conformance, registered like a
 * backend or a workload. It runs in a worker process of its own against one opened heap, so a
 * crash or a hang in it is a verdict and not the end of the run. Ids, classes and sources are
 * those of the catalogue in tests/conformance/README.md.
 *
 * Checks with PAB_CHECK_PREFLIGHT run before any measurement of a backend: an allocator that
 * loses bytes gets no number.
 */
#ifndef PAB_HARNESS_CHECK_H
#define PAB_HARNESS_CHECK_H

#include "allocators/spec.h"

#define PAB_CHECK_CONTRACT 2u

enum pab_verdict { PAB_PASS, PAB_DEVIATION, PAB_FAIL, PAB_SKIP };

enum pab_check_class {
    PAB_CLASS_REQUIRED,  /* R: a standard or a documented contract demands it */
    PAB_CLASS_DEFINED,   /* I: implementation-defined; the backend is held to its own answer */
    PAB_CLASS_QUALITY,   /* Q: a threshold that we choose and print */
    PAB_CLASS_HARDENING, /* H: behaviour after misuse; information, never a verdict */
};

enum pab_severity {
    PAB_SEVERITY_MEMORY,   /* S0: overlap, lost bytes */
    PAB_SEVERITY_CONTRACT, /* S1: wrong result */
    PAB_SEVERITY_ERRNO,    /* S2: wrong errno or diagnostics */
    PAB_SEVERITY_QUALITY,  /* S3 */
};

struct pab_check_run {
    struct pab_heap *heap;       /* freshly opened, identity proven */
    const struct pab_spec *spec; /* what it was opened from */
    const char *oracle;          /* a file to hold it against; NULL: the check's own choice */
    uint64_t seed;
    uint64_t ops; /* budget: how much work is meant to suffice; 0: the check's own choice */
    /* Says how far it is; may be called at any rate, from a process forked by the check, too. */
    void (*progress)(uint64_t done, uint64_t total);

    /* Set by the check. */
    char reason[512];   /* what was found, or why nothing was looked at; empty on PASS */
    char compared[512]; /* what was looked at, with figures; may stay empty */
    char detail[8192];  /* lines behind the reason: how to see it again; may stay empty */
};

enum pab_check_flag {
    PAB_CHECK_PREFLIGHT = 1u << 0,
};

struct pab_check {       /* immutable */
    const char *id;      /* "PRE-001" */
    const char *summary; /* the statement that must hold */
    const char *source;  /* standard and clause, or the project that checks it too */
    unsigned contract;
    unsigned flags;
    enum pab_check_class class;
    enum pab_severity severity;
    unsigned needs; /* enum pab_cap without which the check is skipped */
    /* Judges what was asked for before run(): PAB_USAGE refuses the whole command, anything else
     * but PAB_OK skips the check with the reason in `err`. Optional. */
    enum pab_status (*admit)(const struct pab_check_run *run, struct pab_error *err);
    enum pab_verdict (*run)(struct pab_check_run *run);
};

/* The registry; implemented by tests/conformance, which the binary links. */
size_t pab_check_count(void);
const struct pab_check *pab_check_at(size_t index);

#endif
