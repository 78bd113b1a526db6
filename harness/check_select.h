/* harness/check_select.h -- which checks a user means. Depends on check.h. */
#ifndef PAB_HARNESS_CHECK_SELECT_H
#define PAB_HARNESS_CHECK_SELECT_H

#include "harness/check.h"

#define PAB_CHECKS_MAX 512

struct pab_check_selection {
    const struct pab_check *chosen[PAB_CHECKS_MAX]; /* in the registry's order */
    bool is_left_out[PAB_CHECKS_MAX];               /* takes long, and was not asked for by name */
    size_t count;
    size_t not_applicable; /* were meant, too, but nobody can run them here */
};

/* `only`: comma-separated globs, in any case, or NULL for all; `with_long`: those that take long,
 * too. PAB_USAGE names the word that matches nothing, with the nearest ids, or why the only check
 * that it names cannot be run. */
enum pab_status pab_check_select(const char *only, bool with_long, struct pab_check_selection *out,
                                 struct pab_error *err);

/* The group of an id: "MAL" of "MAL-001". */
void pab_check_group_of(const char *id, char *out, size_t size);

#endif
