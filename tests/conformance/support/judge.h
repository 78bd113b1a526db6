/* tests/conformance/support/judge.h -- how a check says what it found. Depends on harness/check.h.
 *
 *     static enum pab_verdict grow_run(struct pab_check_run *run)
 *     {
 *         bool kept = grow_all(run);        helpers end with `return pab_wrong(run, ...)`
 *         return pab_judge(run, kept);
 *     }
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_JUDGE_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_JUDGE_H

#include "harness/check.h"

/* Puts the first thing that was found into run->reason, later ones change nothing. False. */
bool pab_wrong(struct pab_check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* PASS, or what the statement's class and severity make of its not being kept. */
enum pab_verdict pab_judge(const struct pab_check_run *run, bool holds);

/* Nothing could be looked at: the reason. PAB_SKIP. */
enum pab_verdict pab_skip(struct pab_check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What was looked at, with figures: run->compared. */
void pab_compared(struct pab_check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How this backend answers an implementation-defined question: run->answer. */
void pab_answer(struct pab_check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a line to run->detail; what does not fit is left out and marked so. */
void pab_detail(struct pab_check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* run->ops, or `own` where none was asked for; never above `most` unless most is 0. */
uint64_t pab_budget(const struct pab_check_run *run, uint64_t own, uint64_t most);

#endif
