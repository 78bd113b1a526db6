/* tests/conformance/support/case.h -- one case of a check in a process forked for it: what may
 * crash, hang, run out of memory or end the process. Depends on libc.
 *
 * A case counts as having returned only if its body came back: an exit status alone proves
 * nothing, a broken loader has one, too.
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_CASE_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pab_case_end {
    PAB_CASE_RETURNED, /* `value` is what the body gave */
    PAB_CASE_EXITED,   /* somebody called exit: `code` */
    PAB_CASE_DIED,     /* of `signal` */
    PAB_CASE_HUNG,     /* killed after the time that it was given */
    PAB_CASE_BROKE,    /* no process or pipe was to be had */
};

struct pab_case {
    enum pab_case_end end;
    int value, code, signal;
    char text[1024]; /* the beginning of what it wrote on stderr */
};

/* Forks, runs body(arg) in the child with cores off, waits at most `timeout_ms`. The parent must
 * have no other thread, unless the check is about just that. */
void pab_case_run(int (*body)(void *arg), void *arg, unsigned timeout_ms, struct pab_case *out);

/* "died of SIGSEGV", "hung for 2000 ms", ... */
void pab_case_describe(const struct pab_case *done, char *out, size_t size);

/* `bytes` of zeroed memory that a case shares with the check that forks it; NULL if there is none.
 * Never given back: the worker ends soon. */
void *pab_case_shared(size_t bytes);

#endif
