/* harness/host.h -- where and with what a run was made. Depends on jansson.
 *
 * Everything here is read, nothing is ever changed: the host's settings are its owner's.
 */
#ifndef PAB_HARNESS_HOST_H
#define PAB_HARNESS_HOST_H

#include <jansson.h>
#include <stddef.h>

/* `provenance` of the document: tool, compiler, libc, kernel, CPU, and the host's settings. */
json_t *pab_host_provenance(void);

/* `context` of the document: what Google Benchmark's readers expect. */
json_t *pab_host_context(const char *started);

/* Host settings that make figures noisy or different, each with what to do: rows {about text},
 * `about` one of provenance's keys, or "build", "load". */
json_t *pab_host_advice(void);
/* The texts of these alone: what `noise.warnings` of a document begins with. */
json_t *pab_host_warnings(void);

json_t *pab_host_load(void);               /* the three load averages */
void pab_host_utc(char *out, size_t size); /* now, ISO 8601 */

#endif
