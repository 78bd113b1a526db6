/* tests/conformance/storm/storm.h -- the same calls to a libpython and to our pymalloc: every
 * address, arena and count compared. Depends on oracle.h.
 *
 * A storm is a function of its plan: the seed decides every call. Both sides take their arenas
 * from a region of their own by the same rule, so block for block the addresses differ by one
 * constant, or a block is raw on both sides. Each storm runs in a process forked for it, because
 * the state of CPython's allocator cannot be reset; the same goes for every trial of the shrinker,
 * which cuts the calls before a difference down to the few that bring it about.
 */
#ifndef PAB_TESTS_CONFORMANCE_STORM_STORM_H
#define PAB_TESTS_CONFORMANCE_STORM_STORM_H

#include "tests/conformance/storm/oracle.h"

enum pab_storm_arenas {
    PAB_STORM_ALIGNED,   /* to their own size */
    PAB_STORM_UNALIGNED, /* not even to a pool: one pool of each is lost */
    PAB_STORM_FAILING,   /* every so many requests for an arena are refused */
    PAB_STORM_ARENAS_COUNT,
};

enum pab_storm_mix {
    PAB_STORM_MIXED,   /* bursts, drains, churn, resizing, in ranges of every size */
    PAB_STORM_DRAINS,  /* fill and empty: pools and arenas come and go */
    PAB_STORM_BORDERS, /* sizes around class borders, the threshold and realloc's 25 % rule */
    PAB_STORM_MIX_COUNT,
};

const char *pab_storm_arenas_name(enum pab_storm_arenas arenas);
const char *pab_storm_mix_name(enum pab_storm_mix mix);

struct pab_storm_plan {
    struct pab_pymalloc_geometry geometry; /* of ours */
    enum pab_storm_arenas arenas;
    enum pab_storm_mix mix;
    uint64_t seed, ops;
    unsigned shrink_s; /* how long a reproducer may be looked for; 0: not at all */
};

/* How far a storm is, from within it. */
struct pab_storm_progress {
    void (*say)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

enum pab_storm_end {
    PAB_STORM_SAME,
    PAB_STORM_DIFFERS, /* `text` says where */
    PAB_STORM_BROKE,   /* the oracle did not start, or no process was to be had */
};

struct pab_storm_result {
    enum pab_storm_end end;
    uint64_t ops;      /* done */
    uint64_t compared; /* addresses */
    uint64_t pooled;   /* of them in pools on both sides */
    uint64_t arenas_taken, arenas_released, arenas_refused;
    uint64_t counts_compared; /* how often the counts of live blocks were */
    uint64_t started;         /* calls of the interpreter's own start, compared too */
    char text[448];           /* DIFFERS, BROKE: what was found */
    char *reproducer;         /* DIFFERS: a listing that replays; or NULL. free() it */
    size_t reproducer_ops;
};

/* Runs a storm in a process of its own; waits for it. */
void pab_storm_run(const struct pab_storm_plan *plan, const struct pab_oracle *oracle,
                   const struct pab_storm_progress *progress, struct pab_storm_result *out);

/* Runs the calls of a listing instead; plan->arenas, mix, seed and ops are the listing's. PAB_USAGE
 * names the line that is none. */
enum pab_status pab_storm_replay(struct pab_storm_plan *plan, const char *listing,
                                 const struct pab_oracle *oracle, struct pab_storm_result *out,
                                 struct pab_error *err);

/* One line: what was done and compared, without the verdict. */
void pab_storm_describe(const struct pab_storm_result *result, const struct pab_oracle *oracle,
                        char *out, size_t size);

#endif
