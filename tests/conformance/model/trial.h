/* tests/conformance/model/trial.h -- one run of calls in a process forked for it, and what is done
 * with many. Private to this folder. Depends on generate.h, interpret.h, support/case.h.
 *
 *   trial.c     calls -> world, in a child
 *   threads.c   the same by several threads: a baton, or all at once
 *   shrink.c    many trials, with ever fewer calls
 *   export.c    calls -> a C program
 *   model.c     plan -> trial -> result
 */
#ifndef PAB_TESTS_CONFORMANCE_MODEL_TRIAL_H
#define PAB_TESTS_CONFORMANCE_MODEL_TRIAL_H

#include "tests/conformance/model/generate.h"
#include "tests/conformance/model/interpret.h"
#include "tests/conformance/support/case.h"

struct model_trial {
    const struct pab_subject *subject;
    const struct pab_model_plan *plan;
    const struct model_list *list; /* NULL: of the plan's seed */
    uint64_t skip_lines;           /* without a list: these are drawn, but not made */
    unsigned timeout_ms;
    struct model_outcome *outcome; /* shared with the child */
    struct pab_case done;          /* how the child ended */
};

/* Forks, runs, waits. Whether something was found: a statement, a crash or a hang. */
bool pab_model_try(struct model_trial *trial);

/* --- threads.c ------------------------------------------------------------------------------ */

/* Threads that take turns on one world: exactly one runs at any time. */
struct model_crew;

struct model_crew *pab_model_crew_start(struct model_world *world, unsigned threads);
/* Makes the calls, each by its thread; `respawn` ends a thread and starts another. */
bool pab_model_crew_do(struct model_crew *crew, const struct model_op *ops, size_t count);
void pab_model_crew_stop(struct model_crew *crew);

/* All threads at once, each with a world and a stream of its own; blocks are handed over. False:
 * there is no memory for the worlds. */
bool pab_model_run_free(const struct model_trial *trial, struct model_shadow *shadow);

/* --- shrink.c ------------------------------------------------------------------------------- */

/* Runs a list; true when it shows what is looked for, or with `any` whatever it shows, which is then
 * looked for from there on. *count may become smaller: calls behind the finding are not needed. */
typedef bool (*model_shows)(void *arg, struct model_op *ops, size_t *count, bool any);

/* Cuts `list` down as long as it still shows, and as `most_ms` last. True: nothing more can be left
 * out. The list's storage stays, its count falls. */
bool pab_model_shrink(struct model_list *list, unsigned threads, int64_t most_ms, model_shows shows,
                      void *arg);

/* --- export.c ------------------------------------------------------------------------------- */

/* A C program of its own that makes the calls of a list and says what is wrong; malloc'ed. NULL
 * when the list has calls that no plain C program makes, or without memory. */
char *pab_model_program(const struct model_list *list, const char *statement, const char *text);

#endif
