/* harness/app/predict.h -- what a trace of a program foretells of the program itself. Depends on
 * jansson.
 *
 * The replay does the program's requests and touches, and nothing else of it. So what an allocator
 * changes in the replay, it should change in the program. With D(m): m under X less m under the
 * baseline,
 *
 *   CPU time   D(instructions of the replay) / instructions of the program x its share of user time
 *              + begin(CPU time) / CPU time of the program
 *   peak RSS   (D(RSS that the replay gains up to its peak) + begin(peak RSS)) / peak of the program
 *
 * An instruction more costs what the program's own cost on average, misses and all: in a replay,
 * where nothing else competes for caches, the same ones run up to twice as fast. Without valgrind,
 * or where a trace is too long for it, D(CPU time of the replay) / CPU time of the program stands
 * in, of the first body of each process.
 *
 * begin(m) is what a replay cannot see: the loader's work and the pages of one library more. It is
 * D(m) of a real program that begins and does nothing, less D(m) of the replay of that one.
 * The truth is the program's own ratio less 1.
 */
#ifndef PAB_HARNESS_APP_PREDICT_H
#define PAB_HARNESS_APP_PREDICT_H

#include <jansson.h>

/* The workloads of a document that a prediction is drawn from. */
struct pab_predict_names {
    const char *program; /* "app:NAME" */
    const char *replay;  /* of its trace */
    const char *nothing; /* the replay of a program that does nothing; NULL: there is none */
};

/* From a document's `run` with summaries of all, and run.app.start[], .instructions: a new array of
 * {backend metric by share predicted actual actual_lo actual_hi error}; changes are shares (0.03: 3
 * % more), null where undefined. */
json_t *pab_predict(const json_t *run, const struct pab_predict_names *names);

#endif
