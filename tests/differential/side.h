/* tests/differential/side.h -- one runtime, ours or CPython's, as a differential sees it.
 * Depends on trace.h, workload.h.
 *
 * A suite is written once, against pyobj.h, and compiled for both runtimes. The executable holds
 * our side; a module that it loads holds CPython's, with copies of suite, trace and side of its
 * own. compare.h runs the two side by side.
 */
#ifndef PAB_TESTS_DIFFERENTIAL_SIDE_H
#define PAB_TESTS_DIFFERENTIAL_SIDE_H

#include "tests/differential/trace.h"
#include "workloads/workload.h"

#define SIDE_SYMBOL "differential_side"

/* One step of a random program. What a, b and c mean is the operation's business; every step must
 * be harmless whatever came before, so that a program stays one when steps are dropped. */
struct step {
    uint32_t op, a, b, c;
};

#define STEPS_MAX 4096

/* A family of random programs. */
struct suite {
    const char *name;
    /* Draws a program; the same for a seed on both sides. At most STEPS_MAX steps. */
    size_t (*generate)(uint64_t seed, struct step *steps);
    /* Runs it from pab_py_start(&trace->heap, storage) to pab_py_stop(), noting what it computes.
     * Says trace_step() before each step. */
    void (*run)(const struct step *steps, size_t count, struct trace *trace, void *storage);
    /* One line about a step, as a person would say it. */
    void (*describe)(const struct step *step, char *out, size_t size);
};

/* Defined by each suite's source. */
extern const struct suite differential_suite;

/* The parameters of a body. */
enum side_params {
    SIDE_TIME,       /* of the time pass */
    SIDE_MEMORY,     /* of the memory pass */
    SIDE_OTHER_WAYS, /* of the time pass, but each choice of two ways is the other one */
};

bool side_has_ways(const struct pab_workload *workload);

struct side {
    const char *name;
    const struct suite *suite;
    /* Starts the runtime; 77 is the exit status when it is not available. */
    enum pab_status (*open)(struct trace *trace, struct pab_error *err);
    void (*run)(struct trace *trace, const struct step *steps, size_t count);
    /* One body of a workload. */
    void (*run_workload)(struct trace *trace, const char *name, enum side_params params);
};

/* The side that this was compiled for; exported by the module. */
const struct side *differential_side(void);

/* side_ours.c, side_python.c: its name, and the tables that requests go to in the end. */
const char *side_name(void);
enum pab_status side_tables(struct pab_alloc *out, struct pab_error *err);

/* The trace of the program that runs. */
struct trace *side_trace(void);

#endif
