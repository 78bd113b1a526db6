/* harness/compare/names.h -- texts as small numbers: each different one is kept once. Depends on
 * libc alone. */
#ifndef PAB_HARNESS_COMPARE_NAMES_H
#define PAB_HARNESS_COMPARE_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct pab_names {
    char **texts; /* by number, in the order in which they came */
    size_t count;
    uint32_t *slots; /* open addressing: number + 1, or 0 */
    size_t slot_count;
};

/* Starts as all zeros. */
void pab_names_fini(struct pab_names *names);

/* The number of a text (without NUL in it), which is added where it is new. */
uint32_t pab_names_add(struct pab_names *names, const char *text, size_t length);
/* The number of a text, or `count` when it is none of them. */
uint32_t pab_names_find(const struct pab_names *names, const char *text);

#endif
