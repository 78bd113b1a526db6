/* harness/progress.h -- how far a long run is, on stderr. Depends on libc.
 *
 * On a terminal one line that rewrites itself, with the time left; elsewhere a line for every
 * tenth. NO_COLOR and TERM=dumb are honoured by never using more than a carriage return.
 */
#ifndef PAB_HARNESS_PROGRESS_H
#define PAB_HARNESS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pab_progress {
    size_t total, done;
    double weight_total, weight_done; /* a memory cell weighs more than a timed one */
    uint64_t began_ns;
    double weight_skipped; /* of cells that cost no time now: done before, or left out */
    double limit_s;        /* it ends when this is over; 0: when all is done */
    unsigned tenths;
    bool quiet, terminal;
    const char *unit; /* one of what is counted: "cell", unless somebody sets another */
};

void pab_progress_begin(struct pab_progress *progress, bool quiet);
void pab_progress_expect(struct pab_progress *progress, size_t cells, double weight_each);
/* In place of expecting anything: it will go on for so long. */
void pab_progress_limit(struct pab_progress *progress, double seconds);
/* Says what runs now. */
void pab_progress_show(struct pab_progress *progress, const char *what);
void pab_progress_step(struct pab_progress *progress, double weight);
void pab_progress_skip(struct pab_progress *progress, double weight);
/* Makes room for a line of another kind. */
void pab_progress_clear(const struct pab_progress *progress);

#endif
