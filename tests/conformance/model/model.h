/* tests/conformance/model/model.h -- random calls against a model that never asks the subject.
 * Depends on support/subject.h.
 *
 *   profile + seed --> generator --> trace --> interpreter --> subject
 *                                                  |
 *                                                  +--> shadow model: slots, patterns, intervals
 *
 * A trace is a list of calls on numbered slots. The interpreter takes ANY subset of its lines: a
 * call on a slot that does not suit it does nothing. So a trace that shows a fault can be cut
 * down by leaving lines out, and any bytes can be read as one (the fuzzer does).
 *
 * Every run is in a process forked for it: what crashes or hangs there is a finding, too.
 */
#ifndef PAB_TESTS_CONFORMANCE_MODEL_MODEL_H
#define PAB_TESTS_CONFORMANCE_MODEL_MODEL_H

#include "tests/conformance/support/subject.h"

enum pab_model_profile {
    PAB_MODEL_PY,      /* the size mix of Python programs, with bursts */
    PAB_MODEL_TINY,    /* up to 64 bytes */
    PAB_MODEL_EDGES,   /* size class bounds and one byte beside them */
    PAB_MODEL_LARGE,   /* beyond every size class */
    PAB_MODEL_CHURN,   /* grow and shrink, fill and empty */
    PAB_MODEL_ALIGNED, /* aligned_alloc and posix_memalign among the others */
    PAB_MODEL_HOSTILE, /* impossible sizes and failing kernel calls, many times as many */
    PAB_MODEL_PROFILES,
};

const char *pab_model_profile_name(enum pab_model_profile profile);

struct pab_model_plan {
    enum pab_model_profile profile;
    uint64_t seed, ops;
    unsigned threads;   /* 1; more: handed over in lockstep, replayable */
    bool free_running;  /* threads > 1: all at once, each with a stream of its own */
    unsigned shrink_s;  /* how long a shorter trace may be looked for; 0: not at all */
    size_t align_least; /* that every block large enough for it must have; 0: 16 */
    void (*progress)(uint64_t done, uint64_t total); /* or NULL */
};

enum pab_model_end {
    PAB_MODEL_HELD,
    PAB_MODEL_BROKE_STATEMENT, /* `statement` and `text` say which and how */
    PAB_MODEL_CRASHED,         /* `text` says of what; also a hang */
    PAB_MODEL_NO_PROCESS,      /* the trial was not started, or was killed from outside: `text` */
};

struct pab_model_result {
    enum pab_model_end end;
    uint64_t ops;       /* calls made until the end */
    uint64_t bytes;     /* of content verified */
    uint64_t sweeps;    /* whole-heap verifications */
    uint64_t drains;    /* how often all was freed, and what must hold then was looked at */
    uint64_t high_live; /* blocks */
    uint64_t triples;   /* distinct (class, call, call before it): how much was covered */
    uint64_t failed;    /* calls to the kernel that were made to fail */
    uint64_t refused;   /* requests that gave NULL meanwhile */
    uint64_t errno_wrong;
    char errno_first[128];    /* the first of these: "MAL-005: errno 0 after malloc" */
    char faults_missing[160]; /* why no call to the kernel could be made to fail, or "" */
    char statement[16];       /* "MAL-009" */
    char text[448];
    size_t trace_ops; /* of the trace that shows it */
    bool is_shrunk;   /* nothing more can be left out; else time was over */
    char *trace;      /* its text, replayable; or NULL. free() it */
    char *program;    /* a C program that shows it with plain malloc; or NULL. free() it */
};

/* Runs a plan and shrinks what it finds. */
void pab_model_run(const struct pab_subject *subject, const struct pab_model_plan *plan,
                   struct pab_model_result *out);

/* Runs the calls of a trace's text instead; seed, profile and threads are the trace's. PAB_USAGE
 * names the line that is none. */
enum pab_status pab_model_replay(const struct pab_subject *subject, const char *trace,
                                 const struct pab_model_plan *plan, struct pab_model_result *out,
                                 struct pab_error *err);

/* Whether a text is a trace: PAB_USAGE names the line that is none. */
enum pab_status pab_model_judge_trace(const char *text, struct pab_error *err);

#endif
