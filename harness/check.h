/* harness/check.h -- THE CONTRACT of a conformance check. Depends on allocators/spec.h.
 *
 * A check is one statement of the catalogue in tests/conformance, with its source: a row of a
 * constant table that a file there ends with, registered like a backend or a workload. It runs in
 * a worker process of its own against one freshly opened heap, so a crash or a hang in it is a
 * verdict and not the end of the run.
 *
 * A check only says whether its statement holds. What that means for the backend is decided in
 * one place (pab_check_verdict) from the statement's class and severity:
 *
 *                                 S0 memory, S1 contract     S2 errno     S3 quality
 *   R required, I own answer      FAIL                       DEVIATION    DEVIATION
 *   Q quality                     DEVIATION                  DEVIATION    DEVIATION
 *   H hardening                   INFO: it is a description, never a verdict
 *
 * The backend's verdict is the worst of its R and I rows.
 */
#ifndef PAB_HARNESS_CHECK_H
#define PAB_HARNESS_CHECK_H

#include "allocators/spec.h"

#define PAB_CHECK_CONTRACT 3u

enum pab_verdict {
    PAB_PASS,
    PAB_DEVIATION,
    PAB_FAIL,
    PAB_SKIP, /* nothing was looked at, for the reason given */
    PAB_INFO, /* a description or a figure: good and bad are the reader's to say */
    PAB_VERDICT_COUNT,
};

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
    const struct pab_check *check; /* the row that is being run */
    struct pab_heap *heap;         /* freshly opened, identity proven */
    const struct pab_spec *spec;   /* what it was opened from */
    const char *oracle;            /* a file to hold it against; NULL: the check's own choice */
    const char *replay;            /* a file of calls to make again; NULL: none */
    const char *corpus;            /* a folder of such files, read and added to; NULL: none */
    uint64_t seed;
    uint64_t ops; /* budget: how much work is meant to suffice; 0: the check's own choice */
    /* Says how far it is; may be called at any rate, from a process forked by the check, too. */
    void (*progress)(uint64_t done, uint64_t total);

    /* Set by the check. */
    uint64_t ops_done;  /* calls or steps made until its end, or until it found something */
    char reason[512];   /* what was found, or why nothing was looked at; empty on PASS */
    char answer[64];    /* class I, H: how this backend answers, in a few words: "NULL, errno 0" */
    char compared[512]; /* what was looked at, with figures; may stay empty */
    char detail[8192];  /* lines behind the reason: how to see it again; may stay empty */
};

enum pab_check_flag {
    PAB_CHECK_PREFLIGHT = 1u << 0, /* `run` runs it before it measures a backend */
    PAB_CHECK_LONG = 1u << 1,      /* takes minutes or hours: only by --long, or by its full id */
    PAB_CHECK_ALONE = 1u << 2,     /* looks at what other processes disturb: no check beside it */
};

/* What a check calls beside malloc and free; one that is missing skips it, with that reason. */
enum pab_uses {
    PAB_USES_CALLOC = 1u << 0,
    PAB_USES_REALLOC = 1u << 1,
    PAB_USES_USABLE_SIZE = 1u << 2,
    PAB_USES_ALIGNED_ALLOC = 1u << 3,
    PAB_USES_POSIX_MEMALIGN = 1u << 4,
    PAB_USES_MEMALIGN = 1u << 5,
    PAB_USES_VALLOC = 1u << 6,
    PAB_USES_PVALLOC = 1u << 7,
    PAB_USES_REALLOCARRAY = 1u << 8,
    PAB_USES_FREE_SIZED = 1u << 9,
    PAB_USES_FREE_ALIGNED_SIZED = 1u << 10,
    PAB_USES_GOOD_SIZE = 1u << 11,
    PAB_USES_PURGE = 1u << 12,
    PAB_USES_C = 1u << 13, /* C's own functions: errno, sizes over PTRDIFF_MAX */
};

struct pab_check {       /* immutable */
    const char *id;      /* "PRE-001" */
    const char *summary; /* the statement that must hold */
    const char *source;  /* standard and clause, or the project that checks it too */
    enum pab_check_class class;
    enum pab_severity severity;
    unsigned flags;
    unsigned needs; /* enum pab_cap without which the check is skipped */
    unsigned uses;  /* enum pab_uses likewise */
    /* Not NULL: nobody can run it here, and this is why; `run` is NULL. `list checks` shows it. */
    const char *not_applicable;
    /* Judges what was asked for before run(): PAB_USAGE refuses the whole command, anything else
     * but PAB_OK skips the check with the reason in `err`. Optional. */
    enum pab_status (*admit)(const struct pab_check_run *run, struct pab_error *err);
    enum pab_verdict (*run)(struct pab_check_run *run);
};

/* What a file of checks exports: the statements that it shares code for. */
struct pab_check_group {
    unsigned contract; /* PAB_CHECK_CONTRACT it was written against */
    const struct pab_check *checks;
    size_t count;
};

/* The verdict of a check whose statement does not hold. */
static inline enum pab_verdict pab_check_verdict(const struct pab_check *check)
{
    if (check->class == PAB_CLASS_HARDENING) {
        return PAB_INFO;
    }
    bool is_firm = check->class != PAB_CLASS_QUALITY && check->severity <= PAB_SEVERITY_CONTRACT;
    return is_firm ? PAB_FAIL : PAB_DEVIATION;
}

/* Implemented by tests/conformance, which the binary links. */

/* The registry: the rows of all groups, in the order of the catalogue. */
size_t pab_check_count(void);
const struct pab_check *pab_check_at(size_t index);

/* Whether a heap has what the check needs; if not, `reason` says what it lacks. */
bool pab_check_admits(const struct pab_check *check, struct pab_heap *heap, char *reason,
                      size_t size);

/* A failure of a released allocator that a program without us shows, too: it stands, but it is no
 * news, and does not count in the exit status. */
struct pab_finding {
    const char *backend, *version; /* `version` as the backend's own probe answers */
    const char *check;
    const char *tells;   /* words of the reason: a failure of another kind is news */
    const char *program; /* its source, from the top of the project */
};

/* Those of one check of one release that say `reason`: the finding, or NULL. */
const struct pab_finding *pab_finding_of(const struct pab_backend *backend, const char *version,
                                         const char *check, const char *reason);

/* What can be called on an opened heap, for the report: "malloc calloc realloc free aligned_alloc
 * ... ; no reallocarray, free_sized". */
void pab_check_manifest(struct pab_heap *heap, char *out, size_t size);

/* The name of one of enum pab_uses: "calloc". */
const char *pab_uses_name(unsigned call);

/* Checks of the machinery itself, known by how they must end: each is run like any other before
 * the first real check, and if one is misread no verdict can be believed. */
enum pab_self_end { PAB_SELF_PASS, PAB_SELF_FAIL, PAB_SELF_CRASH, PAB_SELF_HANG, PAB_SELF_SILENT };

struct pab_self_check {
    struct pab_check check;
    enum pab_self_end end; /* SILENT: the process ends well, but without a verdict */
};

size_t pab_self_check_count(void);
const struct pab_self_check *pab_self_check_at(size_t index);

#endif
