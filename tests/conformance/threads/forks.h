/* tests/conformance/threads/forks.h -- processes that fork, in a case of their own: what their
 * children do, and how they are judged. Depends on ladder.h, support/case.h.
 *
 * Every child carries an alarm that kills it should it hang, so that whoever waits for it sees why
 * it ended; so does the process that forks it, between two forks.
 */
#ifndef PAB_TESTS_CONFORMANCE_THREADS_FORKS_H
#define PAB_TESTS_CONFORMANCE_THREADS_FORKS_H

#include "tests/conformance/threads/ladder.h"

#include <sys/types.h>

#define PAB_FORKS_ALARM_S 20u /* its work takes milliseconds */

struct pab_forks {
    struct pab_check_run *run;
    struct pab_subject subject;
    uint64_t count;              /* of forks that are meant */
    struct pab_ladder inherited; /* taken before the forks, freed by each child */
};

void pab_forks_init(struct pab_forks *forks, struct pab_check_run *run, uint64_t count);

/* Runs body(forks) as a case; it returns 0 when all was well, or what pab_forks_found() gave. */
enum pab_verdict pab_forks_judge(struct pab_forks *forks, int (*body)(void *arg));

/* Says what was found, for the check's reason. Not 0. */
int pab_forks_found(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* In a child, which has only the thread that forked: from here on it dies with its parent, or of
 * its alarm. */
void pab_forks_child_begin(void);

/* Frees what was inherited, then climbs a ladder; for _exit(). */
int pab_forks_child_work(struct pab_forks *forks);

/* Waits for a child. 0: it ended well; else it was said how it did not. */
int pab_forks_child_end(pid_t child, const char *where);

#endif
