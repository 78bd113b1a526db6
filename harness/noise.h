/* harness/noise.h -- what else the machine did while a run was made. Depends on jansson, groups.h.
 *
 * Two looks at the kernel's counters, and what passed between them: `noise` of the document
 * (results/README.md). Nothing here costs a sample anything: both looks are taken by the parent,
 * outside the rounds.
 */
#ifndef PAB_HARNESS_NOISE_H
#define PAB_HARNESS_NOISE_H

#include <jansson.h>

/* The counters now, a new object; null stands where this kernel does not tell. `root` is where
 * /proc and /sys begin: "" for the system's own. */
json_t *pab_noise_look(const char *root);

/* What passed between two looks: a new object, or null when the machine was started anew. */
json_t *pab_noise_between(const json_t *before, const json_t *after);

/* A number of either, under `part` where that is not NULL; NAN where it is not told. */
double pab_noise_number(const json_t *object, const char *part, const char *key);

/* Appends to `warnings` what of it a reader of the figures has to know, with what to do. */
void pab_noise_warn(const json_t *during, json_t *warnings);

#endif
