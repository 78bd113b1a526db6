/* harness/app/predict.h -- what a trace of a program foretells of the program itself. Depends on
 * jansson.
 *
 * The replay does the program's requests and touches, and nothing else of it. So what an allocator
 * changes in the replay, it should change in the program:
 *
 *   CPU time    (replay under X - replay under the baseline, and the same of what it costs a
 *               program to begin) / program's under the baseline
 *   peak RSS    (replay under X - replay under the baseline) / program's under the baseline
 *
 * Of the replay it is the first body of a process (cold_ns): a program runs once, too. The truth is
 * the program's own ratio less 1.
 */
#ifndef PAB_HARNESS_APP_PREDICT_H
#define PAB_HARNESS_APP_PREDICT_H

#include <jansson.h>

/* From a document's `run` with summaries of both, and run.app.start[]: a new array of {backend
 * metric share predicted predicted_lo predicted_hi actual actual_lo actual_hi error}; changes are
 * shares (0.03: 3 % more), null where undefined. */
json_t *pab_predict(const json_t *run, const char *program, const char *replay);

#endif
