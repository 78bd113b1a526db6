/* harness/merge_facts.h -- what parts of one experiment have in common. Depends on jansson. */
#ifndef PAB_HARNESS_MERGE_FACTS_H
#define PAB_HARNESS_MERGE_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* {name: value}: plan, build, workloads with what they give and ask for, backends with who they
 * are. A new object. */
json_t *pab_merge_facts(const json_t *run);

/* Whether a budget decided how many rounds there were: then that is a result, and no fact. */
bool pab_merge_has_budget(const json_t *run);

/* How many differ; the first ones in words, with both values: "seed is 11 in the first and 12 in
 * the second, and 2 more". `size`: 300 at least. */
size_t pab_merge_differences(const json_t *own, const json_t *other, char *out, size_t size);

#define PAB_MERGE_PATH_MAX 72

/* A path for an error that names two: of a long one the end, from a folder on. */
void pab_merge_short_path(const char *path, char out[static PAB_MERGE_PATH_MAX]);

#endif
