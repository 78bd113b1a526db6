/* harness/check_rows.h -- what came out of a check, as the rows of the document. Depends on
 * check_pool.h, jansson. results/README.md defines them.
 */
#ifndef PAB_HARNESS_CHECK_ROWS_H
#define PAB_HARNESS_CHECK_ROWS_H

#include "harness/check_pool.h"

#include <jansson.h>

/* "pass", "deviation", ... */
const char *pab_verdict_name(enum pab_verdict verdict);
/* R, I, Q or H. */
char pab_class_letter(enum pab_check_class class);

/* How it was asked for: what a command line needs to see a row again. */
struct pab_check_asked {
    uint64_t seed, ops;
    double timeout_s;                     /* 0: not given */
    const char *oracle, *replay, *corpus; /* NULL: not given */
    bool is_strict;                       /* known findings are failures like any other */
};

/* The row of a check that was run; `version` is what the backend's probe answered. */
json_t *pab_check_row(const struct pab_check *check, const struct pab_check_task *task,
                      const char *version, const struct pab_check_asked *asked);
/* The row of one that was not, on a backend. */
json_t *pab_check_row_left_out(const struct pab_check *check, const char *backend,
                               const char *reason, const struct pab_check_asked *asked);

/* The backend's row: how many of each verdict, and the worst of its R and I checks. What can only
 * deviate or inform (Q, H) never speaks against it. */
json_t *pab_check_verdict_row(const char *backend, const json_t *rows);

#endif
