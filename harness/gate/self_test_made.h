/* harness/gate/self_test_made.h -- made-up gates, and comparators that judge them. Depends on
 * case.h, rng.h. */
#ifndef PAB_HARNESS_GATE_SELF_TEST_MADE_H
#define PAB_HARNESS_GATE_SELF_TEST_MADE_H

#include "harness/gate/case.h"
#include "workloads/support/rng.h"

#define PAB_MADE_CELLS  20
#define PAB_MADE_ROUNDS 60
#define PAB_MADE_REPS   12

/* One workload on base and head. */
struct pab_made_cell {
    bool lacks_base, lacks_head, head_failed;
    double base_ns[PAB_MADE_ROUNDS], head_ns[PAB_MADE_ROUNDS]; /* of one operation */
    double base_bytes, head_bytes;                             /* peak RSS; 0: not measured */
    double base_instructions, head_instructions;               /* 0: not measured */
    unsigned base_arenas, head_arenas;                         /* 0: not measured */
};

struct pab_made_gate {
    size_t cells;
    unsigned rounds, reps; /* reps: of one process, all but equal */
    unsigned confirm_from; /* rounds from there on confirm; 0: no confirmation is asked */
    double alpha, floor;
    struct pab_made_cell cell[PAB_MADE_CELLS];
};

/* 20 rounds of times around 100 ns in so many cells, alike on both sides but for noise of this
 * size; alpha 1 %, floor 1 %. */
void pab_made_init(struct pab_made_gate *gate, size_t cells, double noise, struct pab_rng *rng);

/* Makes head's times longer, in one cell. */
void pab_made_slow(struct pab_made_cell *cell, double ratio);

/* The random numbers of one trial: those of two trials, streams or seeds are unlike. */
void pab_made_rng(struct pab_rng *rng, uint64_t seed, unsigned stream, unsigned trial);
double pab_made_normal(struct pab_rng *rng);

/* What a comparator says of a gate. */
struct pab_said {
    enum pab_gate_result result;
    size_t worse, better, added, gone;
};

/* Faults that a comparator may have; the real one has none. */
enum pab_fault {
    PAB_FAULT_DIRECTION = 1u << 0, /* faster is worse */
    PAB_FAULT_EQUALITY = 1u << 1,  /* whatever differs is worse */
    PAB_FAULT_ABSOLUTE = 1u << 2,  /* nanoseconds instead of shares */
    PAB_FAULT_MEAN = 1u << 3,      /* mean and t instead of ranks */
    PAB_FAULT_UNPAIRED = 1u << 4,  /* forgets which round a value is of */
    PAB_FAULT_MISSING = 1u << 5,   /* a cell that is gone is no finding */
    PAB_FAULT_CRASHES = 1u << 6,   /* nor one that failed */
    PAB_FAULT_POOLED = 1u << 7,    /* repetitions of one process count as processes */
    PAB_FAULT_MANY = 1u << 8,      /* no correction for many cells */
    PAB_FAULT_TWO_SIDED = 1u << 9, /* half the power */
    PAB_FAULT_FLOOR_ALONE = 1u << 10,
    PAB_FAULT_P_ALONE = 1u << 11,
    PAB_FAULT_FIRST_LOOK = 1u << 12, /* no confirmation */
    PAB_FAULT_BLIND = 1u << 13,      /* good is what it could not have seen */
    PAB_FAULT_REPEATS = 1u << 14,    /* memory and counts are no concern */
};

/* The real one: the gate as a document, read, compared and judged. `faults` must be 0. */
void pab_judge_really(const struct pab_made_gate *gate, unsigned faults, struct pab_said *said);
/* A short one of our own, for planting faults in. */
void pab_judge_simply(const struct pab_made_gate *gate, unsigned faults, struct pab_said *said);

struct pab_comparator {
    void (*judge)(const struct pab_made_gate *gate, unsigned faults, struct pab_said *said);
    unsigned faults;
};

/* How a case went. */
struct pab_case_outcome {
    unsigned hits, trials, least, most;
    bool passed;
};

size_t pab_self_case_count(void);
const char *pab_self_case_name(size_t index);
const char *pab_self_case_says(size_t index); /* what must be so */
struct pab_case_outcome pab_self_case_run(size_t index, const struct pab_comparator *comparator,
                                          uint64_t seed);

/* Real gates; the number that did not come out as they should. */
unsigned pab_gate_self_test_live(bool quiet, FILE *out);

#endif
